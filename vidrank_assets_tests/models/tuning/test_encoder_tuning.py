"""Small pictures of which the brighter one wins, and a vision model of two blocks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.ranking.ranker_objective import PairObjective
from vidrank_assets.models.ranking.ranking_regressor import share_in_order
from vidrank_assets.models.training.learning import learned
from vidrank_assets.models.training.objective import Batch
from vidrank_assets.models.training.reproducible import generator
from vidrank_assets.models.tuning.encoder_tuning import Tuning, TuningObjective
from vidrank_assets.models.tuning.pictured_videos import pictured
from vidrank_assets.models.tuning.seeing import Seeing, SeeingObjective
from vidrank_assets.models.tuning.vision_model import encoded_by, vision_model
from vidrank_assets_tests.models.tuning.bright_pictures import BrightPictures, saved_model

PLAIN = Tuning(last_blocks=1, mixup=0, batch_size=16, max_epochs=3, encoder_rate=3e-3, rate_decay=0.5)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("vision"))


@pytest.fixture(scope="module")
def videos(model):
    """Nine videos a channel, whose titles say nothing."""
    bright = BrightPictures(9)
    vectors = Vectors(tuple(bright.ids), np.zeros((90, 5), np.float32), {"image": 3, "text": 2})
    return pictured(bright.thumbnails, vectors, bright.pairs, bright.targets, model=model)


@pytest.fixture(scope="module")
def heads(videos, model):
    """The objective of heads alone, on the vectors of the untuned encoder."""
    seen = {
        part: each.seen_by(encoded_by(vision_model(model), videos.pixels, each.pictures))
        for part, each in videos.parts.items()
    }
    train, val = videos.parts["train"], videos.parts["val"]
    return PairObjective(seen["train"], train.comparisons, seen["val"], val.comparisons, PLAIN)


@pytest.fixture(scope="module")
def seeing(videos, model):
    """By what an encoder learns to see: patches, and how bright the whole is."""
    train, val = videos.parts["train"], videos.parts["val"]
    plan = Seeing(learning_rate=1e-3, moved=0, gradient_checkpointing=False)
    stored = [videos.pixels.of(part.pictures).mean(axis=(1, 2, 3))[:, None].astype(np.float32) for part in (train, val)]
    return SeeingObjective(*stored, plan, videos.pixels, train.pictures, val.pictures, model)


@pytest.fixture
def objective(videos, model, heads):
    """What makes an objective of some settings."""
    torch.manual_seed(3)
    start = heads.layers().state_dict()

    def made(seeing=None, **settings):
        return TuningObjective(
            heads.vectors, heads.comparisons, heads.val_vectors, heads.val_comparisons,
            PLAIN.model_copy(update=settings),
            pixels=videos.pixels, pictures=videos.parts["train"].pictures, val_pictures=videos.parts["val"].pictures,
            model=model, start={**start, **(seeing.layers().state_dict() if seeing else {})}, seeing=seeing,
        )  # fmt: skip

    return made


def batch(*pairs):
    return Batch(torch.tensor(pairs), slice(0, len(pairs)), generator(0))


def test_before_anything_is_learned_the_losses_and_the_score_are_those_of_the_untuned_vectors(objective, heads):
    tuned, asked = objective(), batch(0, 5, 9, 33)
    layers = tuned.layers().eval()
    without = heads.layers().eval()
    without.load_state_dict(tuned.start)
    expected = heads.losses(without, asked)
    for name, found in tuned.losses(layers, asked).items():
        torch.testing.assert_close(found, expected[name], atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        assert tuned.score(layers) == pytest.approx(heads.score(without))


def test_a_picture_of_a_step_is_encoded_once_however_many_pairs_it_is_in(objective, heads):
    tuned, asked = objective(), batch(*range(20))
    layers = tuned.layers()
    n_encoded = []
    layers.encoder.register_forward_hook(lambda *passed: n_encoded.append(len(passed[2].image_embeds)))
    tuned.losses(layers, asked)
    assert n_encoded == [len(np.unique(heads.comparisons.pairs[:20]))]


@pytest.mark.parametrize("moved", [0, 3])
@pytest.mark.parametrize("kept", [False, True])
def test_a_batch_in_pieces_has_the_losses_of_the_whole(objective, seeing, kept, moved):
    tuned = objective(seeing if kept else None, moved=moved)
    layers = tuned.layers().eval()
    whole = tuned.losses(layers, batch(*range(8)))
    pieces = [tuned.losses(layers, Batch(torch.arange(8), own, generator(0))) for own in (slice(0, 3), slice(3, 8))]
    for name, terms in whole.items():
        torch.testing.assert_close(torch.cat([each[name] for each in pieces]), terms, atol=1e-5, rtol=1e-4)


def test_what_was_learned_to_be_seen_is_kept_by_the_mean_error_of_a_pairs_two_pictures(objective, seeing, heads):
    tuned = objective(seeing, seeing_weight=0.5)
    layers = tuned.layers().eval()
    by_itself = torch.nn.ModuleDict({"encoder": layers.encoder, "sight": layers.sight})
    with torch.no_grad():
        found = tuned.losses(layers, batch(0, 5))["seeing"]
        videos = torch.from_numpy(heads.comparisons.pairs[[0, 5]]).flatten()
        errors = seeing.losses(by_itself, Batch(videos, slice(0, 4), generator(0)))
    of_pictures = (errors["patches"] + errors["vectors"]).view(2, 2)
    torch.testing.assert_close(found, 0.5 * of_pictures.mean(dim=1), atol=1e-5, rtol=1e-4)


def test_seeing_teaches_the_blocks_that_are_trained_and_no_other(objective, seeing):
    tuned = objective(seeing)
    layers = tuned.layers()
    tuned.groups(layers)
    tuned.losses(layers, batch(0, 5))["seeing"].sum().backward()
    first, last = layers.encoder.vision_model.encoder.layers
    taught = [last.mlp.fc1, layers.encoder.visual_projection, layers.sight["patches"], layers.sight["vectors"]]
    assert all(part.weight.grad.abs().max() > 0 for part in taught)
    assert first.mlp.fc1.weight.grad is None


def test_pictures_that_are_moved_are_measured_where_they_are_then(objective, seeing):
    found = []
    for moved in (0, 4):
        tuned = objective(seeing, moved=moved)
        layers = tuned.layers().eval()
        for weight in layers.sight.parameters():
            torch.nn.init.zeros_(weight)
        with torch.no_grad():
            found.append(tuned.losses(layers, batch(0, 5))["seeing"])
    assert not torch.equal(*found)


def test_an_encoder_that_goes_on_seeing_keeps_more_of_what_it_has_learned_to_see(objective, seeing):
    """Both begin with what was learned to be seen, and are asked by the same read-outs after it."""
    plan = seeing.plan.model_copy(update={"max_epochs": 12, "batch_size": 16, "learning_rate": 5e-3})
    taught = learned(replace(seeing, plan=plan), plan, seed=1, workplace=None).layers.state_dict()
    left = []
    for kept in (None, seeing):
        tuned = objective(kept, seeing_weight=3, last_blocks=None)
        tuned = replace(tuned, start={**tuned.start, **taught})
        encoder = learned(tuned, tuned.plan, seed=1, workplace=None).layers.encoder
        asked = seeing.layers()
        asked.load_state_dict(taught)
        asked["encoder"] = encoder
        with torch.no_grad():
            left.append(seeing.score(asked.eval()))
    assert left[0] < left[1]


def test_with_mixup_partners_are_of_the_same_piece(objective):
    tuned = objective(mixup=0.3)
    layers = tuned.layers().eval()
    n_encoded = []
    layers.encoder.register_forward_hook(lambda *passed: n_encoded.append(len(passed[2].image_embeds)))
    terms = tuned.losses(layers, Batch(torch.arange(60), slice(0, 4), generator(0)))
    assert {len(term) for term in terms.values()} == {4}
    assert n_encoded[0] <= 8


def test_gradient_checkpointing_changes_no_gradient(objective):
    gradients = []
    for checkpointing in (False, True):
        tuned = objective(gradient_checkpointing=checkpointing, last_blocks=None)
        layers = tuned.layers()
        tuned.groups(layers)
        layers.ranker.eval()
        layers.encoder.train()
        sum(tuned.losses(layers, batch(*range(6))).values()).sum().backward()
        gradients.append({name: each.grad for name, each in layers.encoder.named_parameters()})
    assert layers.encoder.is_activation_checkpointing
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])


def test_only_the_blocks_asked_for_are_learned_each_at_its_rate(objective):
    tuned = objective()
    before = tuned.layers().state_dict()
    layers = learned(tuned, tuned.plan, seed=1, workplace=None).layers
    changed = {name for name, part in layers.encoder.state_dict().items() if not part.equal(before[f"encoder.{name}"])}
    assert any(".layers.1." in name for name in changed)
    assert not any(".layers.0." in name or "embedding" in name for name in changed)
    rates = {group["name"]: group["lr"] for group in objective(last_blocks=None).groups(layers)}
    assert rates == {"ranker": 1e-4, "block 2": 3e-3, "block 1": 1.5e-3, "before the blocks": 0.75e-3}


def test_what_is_read_off_the_encoder_is_learned_at_the_rate_of_the_heads(objective, seeing):
    tuned = objective(seeing)
    groups = {group["name"]: group for group in tuned.groups(tuned.layers())}
    assert groups["sight"]["lr"] == groups["ranker"]["lr"] == 1e-4
    assert len(groups["sight"]["params"]) == 4


def test_from_pixels_it_is_learned_that_the_brighter_picture_wins(objective, videos):
    tuned = objective(last_blocks=None, max_epochs=8)
    layers, curve, _ = learned(tuned, tuned.plan, seed=1, workplace=None)
    assert {"ranking", "ctr", "sub_scores"} <= {*curve[0].losses}
    test = videos.parts["test"]
    seen = test.seen_by(encoded_by(layers.encoder, videos.pixels, test.pictures))
    with torch.no_grad():
        ranks = layers.ranks(torch.from_numpy(seen.matrix)).double().numpy()
    assert share_in_order(test.comparisons, ranks) > 0.85


def test_a_tuning_that_was_stopped_is_not_taken_for_one_of_other_inputs(objective, seeing, tmp_path):
    tuned, asked = objective(), objective()
    assert tuned.identity == asked.identity
    other_start = {name: part + 1 if part.is_floating_point() else part for name, part in tuned.start.items()}
    moved = np.roll(tuned.pictures, 1)
    save = vision_model(tuned.model)
    save.visual_projection.weight.data += 0.1
    save.save_pretrained(tmp_path)
    others = [replace(tuned, start=other_start), replace(tuned, pictures=moved), replace(tuned, model=tmp_path)]
    others += [replace(tuned, seeing=seeing), replace(tuned, seeing=replace(seeing, stored=seeing.stored + 1))]
    assert len({tuned.identity, *(each.identity for each in others)}) == 6
