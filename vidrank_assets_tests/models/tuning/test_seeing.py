"""Small pictures, of which a store's vector says how bright they are."""

import numpy as np
import pytest
import torch

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.training.learning import learned
from vidrank_assets.models.training.objective import Batch
from vidrank_assets.models.training.reproducible import generator
from vidrank_assets.models.tuning.pictured_videos import pictured
from vidrank_assets.models.tuning.seeing import Seeing, SeeingObjective
from vidrank_assets_tests.models.tuning.bright_pictures import BrightPictures, saved_model

BRIGHT = BrightPictures(9)
PLAN = Seeing(max_epochs=12, batch_size=16, learning_rate=5e-3)


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


def errors(objective, layers, *pictures):
    return objective.losses(layers, Batch(torch.tensor(pictures), slice(0, len(pictures)), generator(0)))


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
    layers = asked.layers().eval()
    for name in ("patches", "vectors"):
        torch.nn.init.zeros_(layers[name].weight)
        torch.nn.init.zeros_(layers[name].bias)
    with torch.no_grad():
        found = errors(asked, layers, *range(54))
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


def test_another_stored_vector_is_another_training(objective, videos):
    stored = [np.ones((len(videos.parts[part].pictures), 2), np.float32) for part in ("train", "val")]
    one = objective(stored).identity
    assert objective([each.copy() for each in stored]).identity == one
    stored[1][3, 1] = 2
    assert objective(stored).identity != one


def test_pictures_that_are_moved_are_measured_where_they_are_then(objective):
    asked = objective(plan=PLAN.model_copy(update={"moved": 4}))
    layers = asked.layers().eval()
    with torch.no_grad():
        still, moving = errors(objective(), layers, 0, 1), errors(asked, layers, 0, 1)
    assert not torch.equal(still["patches"], moving["patches"])
