import numpy as np
import pytest
import torch
from torch import nn

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.ranking.ranker_layers import INPUT_DEVIATION, ranker_layers, vector_ranker
from vidrank_assets.models.ranking_inputs import RankingInputs

BLOCKS = {"image": 6, "text": 4}


@pytest.fixture(scope="module")
def matrix():
    matrix = np.random.default_rng(0).normal(3, 2, (50, 10)).astype(np.float32)
    matrix[:5, 6:] = 0  # five videos without a title
    return matrix


@pytest.fixture(scope="module")
def layers(matrix):
    inputs = RankingInputs().fit(Vectors(tuple(map(str, range(50))), matrix, BLOCKS))
    return vector_ranker(BLOCKS, inputs).eval()


def shape(head):
    """What a head is made of, one word and number a layer that is not an activation or a norm."""
    told = {nn.Linear: lambda layer: layer.out_features, nn.Dropout: lambda layer: layer.p}
    return [told[type(layer)](layer) for layer in head if type(layer) in told]


def test_the_body_makes_512_of_both_vectors_for_all_heads():
    made = ranker_layers(768, 384)
    assert (made.body[0].in_features, made.body[0].out_features) == (1152, 512)
    heads = [made.ranking, made.ctr, *made.sub_scores]
    assert {head[0].in_features for head in heads} == {512}


def test_heads_are_as_wide_and_as_forgetful_as_is_asked():
    made = ranker_layers(768, 384)
    assert shape(made.ranking) == [256, 0.15, 128, 0.1, 1]
    assert shape(made.ctr) == [512, 0.2, 256, 0.15, 1]
    assert [shape(head) for head in made.sub_scores] == [[256, 0.1, 1]] * 6
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in made.ctr) == 2
    activations = [type(layer) for head in (made.ctr, *made.sub_scores) for layer in head[-1:]]
    assert set(activations) == {nn.Sigmoid}


def test_there_is_a_score_a_ctr_and_six_sub_scores_a_video(layers, matrix):
    with torch.no_grad():
        score, ctr, sub_scores = layers(torch.from_numpy(matrix))
    assert (score.shape, ctr.shape, sub_scores.shape) == ((50,), (50,), (50, 6))
    assert ((ctr > 0) & (ctr < 1)).all() and ((sub_scores > 0) & (sub_scores < 1)).all()


def test_scores_alone_are_the_same_scores(layers, matrix):
    rows = torch.from_numpy(matrix)
    with torch.no_grad():
        torch.testing.assert_close(layers.ranks(rows), layers(rows).score, rtol=0, atol=0)


def test_each_modality_is_read_about_its_mean_and_at_one_size(layers, matrix):
    image, text = layers.read(torch.from_numpy(matrix))
    for block in (image, text[5:]):
        np.testing.assert_allclose(block.mean(dim=0), 0, atol=1e-4)
        assert float(block.var(dim=0, unbiased=False).sum()) == pytest.approx(INPUT_DEVIATION**2, rel=1e-4)


def test_a_modality_that_a_video_lacks_is_read_as_the_mean_of_the_others(layers, matrix):
    _, text = layers.read(torch.from_numpy(matrix))
    assert not text[:5].any() and text[5:].any(dim=1).all()


def test_vectors_of_pairs_are_read_as_those_of_videos(layers, matrix):
    rows = torch.from_numpy(matrix)
    for flat, paired in zip(layers.read(rows), layers.read(rows.reshape(25, 2, 10)), strict=True):
        torch.testing.assert_close(paired.flatten(0, 1), flat, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("blocks", "widths"), [({"image": 10}, (10, 0)), ({"text": 10}, (0, 10)), ({"sum": 10}, (10, 0))]
)
def test_one_block_alone_is_enough(blocks, widths, matrix):
    layers = vector_ranker(blocks, RankingInputs().fit(Vectors(tuple(map(str, range(50))), matrix, blocks)))
    assert tuple(part.shape[1] for part in layers.read(torch.from_numpy(matrix))) == widths
    assert layers.ranker.body[0].in_features == 10


def test_the_scale_is_stored_with_the_weights_and_not_learned(layers, matrix):
    with torch.device("meta"):
        empty = vector_ranker(BLOCKS)
    empty.load_state_dict(layers.state_dict(), assign=True)
    rows = torch.from_numpy(matrix)
    with torch.no_grad():
        torch.testing.assert_close(empty.eval().ranks(rows), layers.ranks(rows), rtol=0, atol=0)
    assert {name.split(".")[0] for name, _ in layers.named_parameters()} == {"ranker"}
