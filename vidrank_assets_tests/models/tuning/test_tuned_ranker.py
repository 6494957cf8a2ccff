import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.ranking.ranker_layers import vector_ranker
from vidrank_assets.models.tuning import tuned_ranker as module
from vidrank_assets.models.tuning.encoder_tuning import Tuning, TuningObjective
from vidrank_assets.models.tuning.pictured_videos import pictured
from vidrank_assets.models.tuning.tuned_ranker import tuned_ranker
from vidrank_assets.models.tuning.vision_model import encoded_by
from vidrank_assets_tests.models.tuning.bright_pictures import BrightPictures, saved_model

BRIGHT = BrightPictures(5)
QUICK = Tuning(max_epochs=2, last_blocks=1, batch_size=16, encoder_rate=1e-3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("vision"))


@pytest.fixture(scope="module")
def videos(model):
    stored = np.random.default_rng(0).normal(size=(len(BRIGHT.ids), 5)).astype(np.float32)
    vectors = Vectors(tuple(BRIGHT.ids), stored, {"image": 3, "text": 2})
    return pictured(BRIGHT.thumbnails, vectors, BRIGHT.pairs, BRIGHT.targets, model=model)


@pytest.fixture(scope="module")
def ranker(videos, model, tmp_path_factory):
    return tuned_ranker(videos, model, QUICK, seed=1, workplace=tmp_path_factory.mktemp("workplace"))


def test_tuning_begins_with_the_heads_that_were_learned_on_the_untuned_encoder(videos, model, monkeypatch):
    seen = []

    def remembered(objective, plan, **options):
        found = learned(objective, plan.model_copy(update={"max_epochs": 1}), **options)
        seen.append((objective, plan, found))
        return found

    learned = module.learned
    monkeypatch.setattr(module, "learned", remembered)
    tuned_ranker(videos, model, QUICK.model_copy(update={"head_epochs": 7}), seed=1)
    (_, first, begun), (tuning, second, _), (on_stored, third, _) = seen
    assert [plan.max_epochs for plan in (first, second, third)] == [7, 2, 7]
    layers = tuning.layers().state_dict()
    for name, part in begun.layers.state_dict().items():
        assert part.equal(layers[name])
    assert dict(on_stored.vectors.blocks) == {"image": 3, "text": 2}


def test_an_encoder_that_shall_see_first_is_begun_with_what_it_has_learned_to_see(videos, model, monkeypatch):
    seen = []

    def remembered(objective, plan, **options):
        seen.append((plan, objective, learned(objective, plan.model_copy(update={"max_epochs": 1}), **options)))
        return seen[-1][2]

    learned = module.learned
    monkeypatch.setattr(module, "learned", remembered)
    given = {"seeing_epochs": 2, "seeing_rate": 3e-3, "moved": 1, "precision": "fp32", "gradient_checkpointing": True}
    found = tuned_ranker(videos, model, QUICK.model_copy(update=given), seed=1)
    (plan, asked, saw), (_, _, begun), (_, tuning, _), _ = seen
    expected = {"max_epochs": 2, "patience": 2, "learning_rate": 3e-3, "batch_size": 16}
    expected |= {name: given[name] for name in ("moved", "precision", "gradient_checkpointing")}
    assert plan.model_dump().items() >= expected.items()
    assert found.facts["val_error_of_seeing"] == -saw.facts["score"]
    layers = tuning.layers().state_dict()
    assert tuning.seeing is asked
    for name, part in saw.layers.state_dict().items():
        assert part.equal(layers[name])
    for name, part in begun.layers.state_dict().items():
        assert part.equal(layers[name])
    vectors = videos.parts["train"].seen_by(
        encoded_by(saw.layers["encoder"], videos.pixels, videos.parts["train"].pictures)
    )
    np.testing.assert_allclose(tuning.vectors.matrix, vectors.matrix, atol=1e-5)


def test_scores_are_of_the_videos_of_val_and_test_by_each_who_ranks_them(ranker, videos):
    assert set(ranker.scores) == {"tuned", "untuned", "stored"}
    for scores in ranker.scores.values():
        shapes = {part: each.shape for part, each in scores.items()}
        assert shapes == {part: (len(videos.parts[part].stored.video_ids),) for part in ("val", "test")}
    assert not np.allclose(ranker.scores["tuned"]["test"], ranker.scores["untuned"]["test"])


def test_a_saved_folder_has_the_encoder_the_heads_the_curve_and_the_event_files(ranker, tmp_path):
    ranker.save(tmp_path)
    names = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    assert {f"encoder/{name}" for name in ("config.json", "model.safetensors", "preprocessor_config.json")} <= names
    assert any(name.startswith("tensorboard/events") for name in names)
    assert json.loads((tmp_path / "heads" / "vectors.json").read_text()) == {"image": 12, "text": 2}
    vector_ranker({"image": 12, "text": 2}).load_state_dict(load_file(tmp_path / "heads" / "ranker.safetensors"))
    assert len(json.loads((tmp_path / "curve.json").read_text())) == 2


def test_of_an_encoder_that_goes_on_seeing_no_more_is_saved_than_of_another(ranker, videos, model, tmp_path):
    seeing = tuned_ranker(videos, model, QUICK.model_copy(update={"seeing_epochs": 1}), seed=1)
    assert {"sight.patches.weight", "sight.vectors.weight"} <= seeing.layers.state_dict().keys()
    names = []
    for each in (ranker, seeing):
        folder = tmp_path / str(len(names))
        folder.mkdir()
        each.save(folder)
        names.append(
            [{*load_file(folder / file)} for file in ("encoder/model.safetensors", "heads/ranker.safetensors")]
        )
    assert names[0] == names[1]


def test_seeing_without_weight_is_not_gone_on_with(videos, model):
    given = {"seeing_epochs": 1, "seeing_weight": 0}
    found = tuned_ranker(videos, model, QUICK.model_copy(update=given), seed=1)
    assert "seeing" not in found.curve[0].losses
    assert not hasattr(found.layers, "sight")


def test_the_same_seed_gives_the_same_encoder_to_the_bit(ranker, videos, model):
    again = tuned_ranker(videos, model, QUICK, seed=1).layers.encoder.state_dict()
    for name, part in ranker.layers.encoder.state_dict().items():
        assert torch.equal(part, again[name])


def test_a_tuning_that_goes_on_seeing_comes_to_the_same_bits_after_it_was_stopped(videos, model, tmp_path, monkeypatch):
    tuning = QUICK.model_copy(update={"seeing_epochs": 1, "max_epochs": 3})
    whole = tuned_ranker(videos, model, tuning, seed=1)
    scores = []

    def stopped(objective, layers):
        scores.append(score(objective, layers))
        if len(scores) == 2:
            raise InterruptedError
        return scores[-1]

    score = TuningObjective.score
    with monkeypatch.context() as in_the_second_epoch, pytest.raises(InterruptedError):
        in_the_second_epoch.setattr(TuningObjective, "score", stopped)
        tuned_ranker(videos, model, tuning, seed=1, workplace=tmp_path)
    found = tuned_ranker(videos, model, tuning, seed=1, workplace=tmp_path)
    assert found.facts["resumed_from_epoch"] == 2
    assert [epoch.losses for epoch in found.curve] == [epoch.losses for epoch in whole.curve]
    for name, part in whole.layers.state_dict().items():
        assert torch.equal(part, found.layers.state_dict()[name])


def test_blocks_that_are_not_there_are_refused_before_the_heads_are_trained(videos, model, monkeypatch):
    monkeypatch.setattr(module, "learned", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(InvalidInput, match="1 to the 2 blocks"):
        tuned_ranker(videos, model, Tuning(last_blocks=3), seed=1)
