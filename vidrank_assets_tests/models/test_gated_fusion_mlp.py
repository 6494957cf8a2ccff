from dataclasses import replace

import numpy as np
import pytest
import torch

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.gated_fusion_mlp import GatedFusionMLP, masked_softmax
from vidrank_assets.models.neural_regressor import Widths


def test_a_masked_softmax_by_hand():
    scores = torch.log(torch.tensor([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0], [1.0, 2.0, 5.0]]))
    present = torch.tensor([[True, True, True], [True, True, False], [False, True, False]])
    expected = [[1 / 8, 2 / 8, 5 / 8], [1 / 3, 2 / 3, 0], [0, 1, 0]]
    torch.testing.assert_close(masked_softmax(scores, present), torch.tensor(expected))


def test_where_nothing_is_present_all_weights_are_0_and_no_gradient_is_nan():
    scores = torch.tensor([[3.0, -1.0]], requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[False, False]]))
    weights.sum().backward()
    assert weights.tolist() == [[0, 0]]
    assert scores.grad.tolist() == [[0, 0]]


def test_the_score_of_an_absent_modality_is_of_no_matter():
    present = torch.tensor([[True, True, False]])
    weights = [masked_softmax(torch.tensor([[1.0, 2.0, each]]), present) for each in (-1e30, 0.0, 1e30)]
    assert torch.equal(weights[0], weights[1]) and torch.equal(weights[1], weights[2])


def test_its_layers_have_the_shapes_that_were_asked():
    layers = GatedFusionMLP()._layers(Widths(10, [9, 4], {"image": 768, "text": 384}))
    shapes = {name: tuple(weight.shape) for name, weight in layers.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "embeddings.0.weight": (9, 3),
        "embeddings.1.weight": (4, 2),
        "towers.image.0.weight": (256, 768),
        "towers.image.2.weight": (256,),
        "towers.text.0.weight": (256, 384),
        "towers.text.2.weight": (256,),
        "gate.0.weight": (64, 10 + 5 + 2),  # numbers, embeddings, masks
        "gate.2.weight": (2, 64),
        "head.0.weight": (256, 256 + 10 + 5 + 2),
        "head.2.weight": (128, 256),
        "head.5.weight": (1, 128),
    }
    assert layers["head"][4].p == 0.15


@pytest.fixture(scope="module")
def fitted(train, val):
    return GatedFusionMLP(max_epochs=8).fit(train, val)


def without(videos, *modalities):
    matrix = videos.fused.matrix.copy()
    start = 0
    for name, width in videos.fused.blocks.items():
        matrix[:, start : start + width] *= name not in modalities
        start += width
    return replace(videos, fused=replace(videos.fused, matrix=matrix))


def test_weights_are_one_a_modality_and_sum_to_1(fitted, val):
    weights = fitted.modality_weights(val)
    assert list(weights) == ["image", "text"]
    np.testing.assert_allclose(weights["image"] + weights["text"], 1)
    assert (np.ptp(weights["image"]) > 0) and (weights["image"] > 0).all()


def test_an_absent_modality_weighs_nothing(fitted, val):
    weights = fitted.modality_weights(without(val, "text"))
    np.testing.assert_array_equal(weights["text"], 0)
    np.testing.assert_array_equal(weights["image"], 1)


def test_a_video_without_any_modality_is_predicted_from_its_metadata(fitted, val):
    nothing = without(val, "image", "text")
    assert all(not weight.any() for weight in fitted.modality_weights(nothing).values())
    assert np.isfinite(fitted.predict(nothing)).all()


def test_videos_without_any_modality_can_be_trained_on(train, val):
    fitted = GatedFusionMLP(max_epochs=2).fit(without(train, "image", "text"), val)
    assert np.isfinite(fitted.predict(val)).all()


def test_it_reads_the_modalities_and_not_what_they_were_fused_to(train, val):
    def pooled(videos, seed):
        matrix = np.random.default_rng(seed).normal(size=(len(videos), 3)).astype(np.float32)
        return replace(videos, fused=Vectors(videos.video_ids, matrix, {"sum": 3}, unfused=videos.fused))

    fitted = GatedFusionMLP(max_epochs=2).fit(pooled(train, 0), pooled(val, 1))
    assert list(fitted.modality_weights(pooled(val, 1))) == ["image", "text"]
    np.testing.assert_array_equal(fitted.predict(pooled(val, 1)), fitted.predict(pooled(val, 2)))


@pytest.mark.parametrize("names", [("text",), ("image", "text", "audio", "video")])
def test_any_modalities_will_do(train, val, names):
    def of(videos):
        return replace(videos, fused=replace(videos.fused, blocks=dict(zip(names, widths, strict=True))))

    widths = [10] if len(names) == 1 else [4, 3, 2, 1]
    weights = GatedFusionMLP(max_epochs=1).fit(of(train), of(val)).modality_weights(of(val))
    assert tuple(weights) == names
    np.testing.assert_allclose(sum(weights.values()), 1)
