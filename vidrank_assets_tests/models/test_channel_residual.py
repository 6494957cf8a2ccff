from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as Peer
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from vidrank_assets.models import linear
from vidrank_assets.models.channel_residual import ChannelResidual, less_channel_mean, whole_channels
from vidrank_assets.models.linear import ALPHAS
from vidrank_assets.models.ranking.ranking_regressor import channel_folds, compared, share_in_order
from vidrank_assets.models.ranking_inputs import RankingInputs
from vidrank_assets_tests.models.ranking.test_ranking_regressor import raised, ranked_videos


@pytest.fixture(scope="module")
def train():
    return ranked_videos(20, seed=0)


@pytest.fixture(scope="module")
def test():
    return ranked_videos(10, seed=1)


@pytest.fixture(scope="module")
def fitted(train):
    return ChannelResidual().fit(train, train)


def test_it_orders_the_videos_of_channels_that_it_has_not_seen(fitted, test):
    assert share_in_order(compared(test), fitted.scores(test)) > 0.95


def test_it_is_the_regression_of_scikit_learn_on_differences_from_the_channel_mean(train, fitted):
    channel = compared(train).channel
    matrix = less_channel_mean(RankingInputs().fit(train.modalities).transform(train.modalities.matrix), channel)
    targets = less_channel_mean(train.targets[:, np.newaxis], channel)[:, 0]
    folds = PredefinedSplit(channel_folds(channel, 10, seed=42))
    peer = GridSearchCV(Peer(), {"alpha": ALPHAS}, cv=folds, scoring="neg_mean_squared_error").fit(matrix, targets)
    assert fitted.findings.facts == {"alpha": peer.best_params_["alpha"], "n_folds": 10}
    np.testing.assert_allclose(fitted._weights, peer.best_estimator_.coef_, rtol=1e-9)


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_what_all_videos_of_a_channel_have_more_changes_no_score(train, fitted, test, seed):
    again = ChannelResidual().fit(raised(train, seed), train)
    np.testing.assert_allclose(again.scores(test), fitted.scores(test), rtol=1e-9)


def test_importances_are_how_much_each_modality_moves_scores_within_a_channel(fitted):
    """Of the picture two directions of spread 1, weighted 1 and 0.5; of the title one weighted 0.5."""
    assert fitted.findings.importances == {"image": pytest.approx(1.12, abs=0.1), "text": pytest.approx(0.5, abs=0.1)}


def test_a_title_that_is_absent_leaves_the_picture_to_rank_by(fitted, test):
    matrix = test.modalities.matrix.copy()
    matrix[:, 6:] = 0
    untitled = replace(test, fused=replace(test.fused, matrix=matrix))
    assert 0.8 < share_in_order(compared(test), fitted.scores(untitled)) < 0.95


@pytest.mark.parametrize("n_videos", [2, 5, 12])
def test_one_channel_is_enough(train, test, n_videos):
    assert np.isfinite(ChannelResidual().fit(train.rows(range(n_videos)), train).scores(test)).all()


def test_columns_are_about_their_channels_means():
    columns = np.array([[1.0, 5.0], [3.0, 6.0], [7.0, 7.0]])
    assert less_channel_mean(columns, np.array([2, 2, 3])).tolist() == [[-1, -0.5], [1, 0.5], [0, 0]]


def test_no_slice_of_rows_ends_within_a_channel(monkeypatch):
    monkeypatch.setattr(linear, "BLOCK_ROWS", 2)
    slices = [(rows.start, rows.stop) for rows in whole_channels(np.array([0, 0, 0, 0, 0, 1, 2, 3]))]
    assert slices == [(0, 5), (5, 6), (6, 8)]


def test_the_size_of_slices_changes_no_order(monkeypatch, train, fitted, test):
    monkeypatch.setattr(linear, "BLOCK_ROWS", 30)
    np.testing.assert_allclose(ChannelResidual().fit(train, train).scores(test), fitted.scores(test), rtol=1e-9)
