from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.image_logistic import ImageLogistic, bradley_terry
from vidrank_assets.models.ranking.ranking_regressor import compared, share_in_order
from vidrank_assets_tests.models.ranking.test_ranking_regressor import ranked_videos


@pytest.fixture(scope="module")
def train():
    return ranked_videos(20, seed=0)


@pytest.fixture(scope="module")
def test():
    return ranked_videos(10, seed=1)


@pytest.fixture(scope="module")
def fitted(train):
    return ImageLogistic().fit(train, train)


def with_vectors(videos, vectors):
    return replace(videos, fused=vectors)


def test_it_orders_the_videos_of_channels_that_it_has_not_seen_as_well_as_pictures_tell(fitted, test):
    told = test.modalities.matrix[:, :2] @ [1, 0.5]
    best = share_in_order(compared(test), told)
    assert 0.75 < best < 0.9
    assert share_in_order(compared(test), fitted.scores(test)) == pytest.approx(best, abs=0.02)


def test_no_word_of_the_title_is_read(fitted, test):
    matrix = test.modalities.matrix.copy()
    matrix[:, 6:] = matrix[::-1, 6:]
    changed = with_vectors(test, replace(test.fused, matrix=matrix))
    np.testing.assert_array_equal(fitted.scores(changed), fitted.scores(test))


def test_weights_are_those_at_which_the_penalised_likelihood_is_level():
    """The gradient of |w|² / 2 - strength * sum of log sigmoid(gap · w) is w - strength * sum of gap * P(loss)."""
    gaps = np.random.default_rng(0).normal([1, 0, 0], 1, size=(200, 3))
    weights = bradley_terry(gaps, 0.5)
    np.testing.assert_allclose(weights, 0.5 * gaps.T @ (1 / (1 + np.exp(gaps @ weights))), atol=0.02)
    assert weights[0] > 5 * abs(weights[1:]).max()


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_which_way_round_pairs_stand_changes_nothing(train, fitted, test, seed):
    comparisons = compared(train)
    turned = np.random.default_rng(seed).random(len(comparisons.pairs)) < 0.5
    pairs = np.where(turned[:, np.newaxis], comparisons.pairs[:, ::-1], comparisons.pairs)
    other = replace(train, comparisons=replace(comparisons, pairs=pairs, first_won=comparisons.first_won ^ turned))
    np.testing.assert_array_equal(ImageLogistic().fit(other, train).scores(test), fitted.scores(test))


def test_a_video_without_a_picture_ranks_as_an_average_one(fitted, train):
    matrix = train.modalities.matrix.copy()
    matrix[0, :6] = 0
    ranks = fitted._ranks(with_vectors(train, replace(train.fused, matrix=matrix)))
    assert ranks[0] == 0 and fitted._ranks(train).mean() == pytest.approx(0, abs=1e-9)


def test_pairs_of_which_one_has_no_picture_teach_nothing(train):
    matrix = train.modalities.matrix.copy()
    matrix[0, :6] = 0
    model = ImageLogistic().fit(with_vectors(train, replace(train.fused, matrix=matrix)), train)
    assert model.findings.facts["n_pairs"] == len(compared(train).pairs) - 11


@pytest.mark.parametrize("name", ["text", "fused"])
def test_without_any_picture_all_videos_of_a_channel_rank_alike(train, test, name):
    model = ImageLogistic()
    train, test = (
        with_vectors(videos, Vectors(videos.video_ids, videos.fused.matrix, {name: 10})) for videos in (train, test)
    )
    scores = model.fit(train, train).scores(test)
    np.testing.assert_array_equal(scores, test.columns["channel_target_mean"].to_numpy())
    assert model.findings.facts["d_picture"] == 0


def test_of_many_pairs_some_are_drawn(train, test):
    model = ImageLogistic(max_pairs=100).fit(train, train)
    assert model.findings.facts["n_pairs"] == 100
    assert share_in_order(compared(test), model.scores(test)) > 0.7


def test_the_penalty_is_the_stronger_the_less_there_is_to_learn(train, fitted):
    noise = replace(compared(train), first_won=np.random.default_rng(0).random(len(compared(train).pairs)) < 0.5)
    chance = ImageLogistic().fit(replace(train, comparisons=noise), train)
    assert chance.findings.facts["strength"] < fitted.findings.facts["strength"]


@pytest.mark.parametrize("n_videos", [2, 3, 12])
def test_one_channel_is_enough(train, test, n_videos):
    assert np.isfinite(ImageLogistic().fit(train.rows(range(n_videos)), train).scores(test)).all()
