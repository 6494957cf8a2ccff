from dataclasses import replace

import numpy as np
import pytest

from vidrank_assets.models import lambdarank
from vidrank_assets.models.lambdarank import Lambdarank, query_of
from vidrank_assets.models.ranking.ranking_regressor import compared, share_in_order
from vidrank_assets_tests.models.ranking.test_ranking_regressor import raised, ranked_videos


@pytest.fixture(scope="module")
def train():
    return ranked_videos(30, seed=0)


@pytest.fixture(scope="module")
def val():
    return ranked_videos(10, seed=1)


@pytest.fixture(scope="module")
def test():
    return ranked_videos(10, seed=2)


def fit(train, val):
    return Lambdarank(max_rounds=60, feature_fraction=0.5).fit(train, val)


@pytest.fixture(scope="module")
def fitted(train, val):
    return fit(train, val)


def means(videos):
    return videos.columns["channel_target_mean"].to_numpy()


def test_it_orders_the_videos_of_channels_that_it_has_not_seen(fitted, test):
    assert share_in_order(compared(test), fitted.scores(test)) > 0.8


def test_what_all_videos_of_a_channel_have_more_changes_no_score(train, val, fitted, test):
    again = fit(raised(train, 1), raised(val, 2))
    np.testing.assert_allclose(again.scores(test), fitted.scores(test), rtol=1e-9)


def test_the_order_within_the_channel_is_all_that_it_learns_of_targets(train, val, fitted, test):
    """Twice as far apart, in the same order: the same trees, and twice the slope, which is val's."""
    doubled = [replace(videos, target_log=2 * videos.targets - means(videos)) for videos in (train, val)]
    again = fit(*doubled)
    np.testing.assert_array_equal(again._ranks(test), fitted._ranks(test))
    np.testing.assert_allclose(again.scores(test) - means(test), 2 * (fitted.scores(test) - means(test)), rtol=1e-6)


def test_the_error_of_the_odds_begins_at_a_half_and_the_rounds_that_help_are_kept(fitted, val):
    facts, curve = fitted.findings.facts, fitted.findings.curve
    assert curve[0].val_rmse == pytest.approx(0.5, abs=0.02)
    assert curve[facts["best_round"] - 1].val_rmse < 0.45
    assert share_in_order(compared(val), fitted.scores(val)) == pytest.approx(facts["val_pairwise_auc"])
    assert max(int(line.split("=")[1]) for line in fitted._trees._booster.model_to_string().splitlines()
               if line.startswith("Tree=")) == facts["best_round"] - 1  # fmt: skip


def test_without_a_pair_to_stop_by_one_tree_is_grown(train, val):
    facts = fit(train, val.rows([0])).findings.facts
    assert (facts["best_round"], facts["n_val_pairs"]) == (1, 0)


def test_gain_says_which_numbers_matter(fitted):
    ranked = sorted(fitted.findings.importances, key=fitted.findings.importances.get, reverse=True)
    assert set(ranked[:3]) == {"image_0", "image_1", "text_0"}


def test_the_number_of_threads_changes_no_bit(monkeypatch, train, val, fitted, test):
    monkeypatch.setattr(lambdarank, "FEWEST_ROWS_FOR_THREADS", 1)
    again = fit(train, val)
    np.testing.assert_array_equal(again.scores(test), fitted.scores(test))


def test_grades_are_the_share_of_the_channel_below_and_equal_targets_have_one():
    """Of three, a third each of 31 grades; the two lowest are equal. Of two, a half."""
    query = query_of(np.array([5.0, 1.0, 1.0, 9.0, 2.0]), np.array([4, 0, 0, 0, 4]))
    assert query.rows.tolist() == [1, 2, 3, 0, 4]
    assert query.grades.tolist() == [0, 0, 2 * 31 // 3, 31 // 2, 0]
    assert query.sizes.tolist() == [3, 2]


def test_equal_targets_at_the_border_of_two_channels_are_of_no_matter():
    query = query_of(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 0, 1, 1]))
    assert query.grades.tolist() == [0, 15, 0, 15]


def test_a_channel_with_more_videos_than_a_query_may_have_is_cut(monkeypatch):
    monkeypatch.setattr(lambdarank, "MOST_ROWS", 4)
    query = query_of(np.arange(14.0), np.repeat([0, 1], [10, 4]))
    assert query.sizes.tolist() == [3, 3, 4, 4]
    assert query.grades[:3].tolist() == [0, 3, 6]
