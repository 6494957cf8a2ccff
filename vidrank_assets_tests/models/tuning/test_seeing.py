"""Small pictures, of which a store's vector says how bright they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.training.learning import learned
from vidrank_assets.models.training.objective import Batch
from vidrank_assets.models.training.reproducible import generator
from vidrank_assets.models.tuning.pictured_videos import pictured
from vidrank_assets.models.tuning.seeing import Seeing, SeeingObjective
from vidrank_assets.models.tuning.thumbnail_pixels import ThumbnailPixels
from vidrank_assets.models.tuning.vision_model import save_vision_model, vision_model
from vidrank_assets_tests.models.tuning.bright_pictures import BrightPictures, saved_model

BRIGHT = BrightPictures(9)
PLAN = Seeing(max_epochs=12, batch_size=16, learning_rate=5e-3, moved=0, gradient_checkpointing=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("vision"))


@pytest.fixture(scope="module")
def videos(model):
    vectors = Vectors(tuple(BRIGHT.ids), np.zeros((len(BRIGHT.ids), 5), np.float32), {"image": 3, "text": 2})
    return pictured(BRIGHT.thumbnails, vectors, BRIGHT.pairs, BRIGHT.targets, model=model)


@pytest.fixture
def objective(videos, model):
    """What makes an objective of some stored vectors, by part; of the brightness where none are given."""

    def made(stored=None, plan=PLAN):
        train, val = (videos.parts[part] for part in ("train", "val"))
        known = stored or [
            np.array([[BRIGHT.brightness[BRIGHT.ids.index(video)]] for video in part.stored.video_ids], np.float32)
            for part in (train, val)
        ]
        return SeeingObjective(*known, plan, videos.pixels, train.pictures, val.pictures, model)

    return made


def errors(objective, layers, *pictures, own=slice(None)):
    return objective.losses(layers, Batch(torch.tensor(pictures), own, generator(0)))


def told_nothing(objective):
    """Its layers, which say the mean of everything, whatever they see."""
    layers = objective.layers().eval()
    for name in ("patches", "vectors"):
        torch.nn.init.zeros_(layers["sight"][name].weight)
        torch.nn.init.zeros_(layers["sight"][name].bias)
    return layers


def test_an_encoder_that_knew_nothing_learns_what_the_store_and_the_patches_say(objective):
    asked = objective()
    before = asked.layers().eval()
    with torch.no_grad():
        untaught = asked.score(before)
    found = learned(asked, PLAN, seed=1, workplace=None)
    assert found.facts["score"] > untaught / 2
    with torch.no_grad():
        first, last = (errors(asked, layers, *range(54)) for layers in (before, found.layers))
    assert float(last["vectors"].mean()) < float(first["vectors"].mean()) / 2
    assert float(last["patches"].mean()) < 0.8 * float(first["patches"].mean())


def test_errors_are_in_units_of_the_deviation_on_train(objective):
    """Where nothing is told but the mean, the error is the variance: 1 a number, but for one of ten that is constant.

    Noise has everywhere a corner of the least strength.
    """
    asked = objective()
    with torch.no_grad():
        found = errors(asked, told_nothing(asked), *range(54))
    assert float(found["vectors"].mean()) == pytest.approx(1, abs=1e-4)
    assert float(found["patches"].mean()) == pytest.approx(0.9, abs=1e-4)


def test_a_video_without_a_stored_vector_teaches_its_patches_alone(objective, videos):
    stored = [np.ones((len(videos.parts[part].pictures), 2), np.float32) for part in ("train", "val")]
    stored[0][0] = 0
    asked = objective(stored)
    with torch.no_grad():
        found = errors(asked, asked.layers().eval(), 0, 1)
    assert found["vectors"][0] == 0 < found["vectors"][1]
    assert (found["patches"] > 0).all()


def test_where_the_store_holds_no_image_vectors_patches_alone_are_learned(objective, videos):
    asked = objective([np.empty((len(videos.parts[part].pictures), 0), np.float32) for part in ("train", "val")])
    found = learned(asked, PLAN.model_copy(update={"max_epochs": 1}), seed=1, workplace=None)
    assert found.curve[0].losses["vectors"] == 0 < found.curve[0].losses["patches"]


def test_image_vectors_that_no_video_of_train_has_teach_nothing(objective, videos):
    train, val = (np.zeros((len(videos.parts[part].pictures), 3), np.float32) for part in ("train", "val"))
    for known in (val, val + 1):
        asked = objective([train, known])
        with torch.no_grad():
            assert errors(asked, asked.layers().eval(), 0, 1)["vectors"].tolist() == [0, 0]
            assert np.isfinite(asked.score(asked.layers().eval()))


def test_a_training_of_other_vectors_pictures_or_weights_is_another_one(objective, videos, tmp_path):
    asked = objective()
    assert objective().identity == asked.identity
    other = vision_model(asked.model)
    other.visual_projection.weight.data += 0.1
    save_vision_model(other, videos.pixels.processor, tmp_path)
    turned = ThumbnailPixels(BRIGHT.pictures[::-1], asked.model)
    others = [
        replace(asked, stored=asked.stored + 1),
        replace(asked, val_stored=asked.val_stored + 1),
        replace(asked, pictures=np.roll(asked.pictures, 1)),
        replace(asked, val_pictures=np.roll(asked.val_pictures, 1)),
        replace(asked, pixels=turned),
        replace(asked, model=tmp_path),
    ]
    assert len({asked.identity, *(each.identity for each in others)}) == 7


def test_pictures_that_are_moved_are_measured_where_they_are_then(objective):
    still, moving = objective(), objective(plan=PLAN.model_copy(update={"moved": 4}))
    with torch.no_grad():
        found = [errors(asked, told_nothing(asked), 0, 1) for asked in (still, moving)]
    assert not torch.equal(found[0]["patches"], found[1]["patches"])
    assert torch.equal(found[0]["vectors"], found[1]["vectors"])


@pytest.mark.parametrize("moved", [0, 4])
def test_a_batch_in_pieces_has_the_errors_of_the_whole(objective, moved):
    asked = objective(plan=PLAN.model_copy(update={"moved": moved}))
    layers = asked.layers().eval()
    with torch.no_grad():
        whole = errors(asked, layers, *range(8))
        pieces = [errors(asked, layers, *range(8), own=own) for own in (slice(0, 3), slice(3, 8))]
    for name, each in whole.items():
        torch.testing.assert_close(torch.cat([piece[name] for piece in pieces]), each)


def test_gradient_checkpointing_changes_no_gradient(objective):
    gradients = []
    for checkpointing in (False, True):
        asked = objective(plan=PLAN.model_copy(update={"gradient_checkpointing": checkpointing}))
        torch.manual_seed(0)
        layers = asked.layers().train()
        sum(each.sum() for each in errors(asked, layers, 0, 1, 2).values()).backward()
        gradients.append(layers["encoder"].vision_model.embeddings.patch_embedding.weight.grad)
        assert layers["encoder"].vision_model.encoder.layers[0].gradient_checkpointing is checkpointing
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(*gradients)
