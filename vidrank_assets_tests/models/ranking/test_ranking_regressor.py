"""What families that rank have in common; and a table of videos that they are tried on."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.models.ranking.ranking_regressor import (
    RankingRegressor,
    Unseen,
    channel_folds,
    compared,
    share_in_order,
    winners_and_losers,
)
from vidrank_assets.pair_tables import SUB_SCORES


def ranked_videos(n_channels: int, seed: int, *, noise: float = 0.1) -> Dataset:
    """Twelve videos a channel; within it, two directions of the picture and one of the title make log views.

    Between channels it is the other way round: those with large channels have less of the first direction.
    """
    rng = np.random.default_rng(seed)
    channel = np.repeat(np.arange(n_channels), 12)
    level = np.linspace(-2, 2, n_channels)[channel]
    matrix = rng.normal(size=(len(channel), 10)).astype(np.float32)
    gain = matrix[:, 0] + 0.5 * matrix[:, 1] + 0.5 * matrix[:, 6]
    matrix[:, 0] -= level
    videos = Vectors(tuple(f"v{row}" for row in range(len(channel))), matrix, {"image": 6, "text": 4})
    targets = 8 + 3 * level + gain + noise * rng.normal(size=len(channel))
    columns = pl.DataFrame({"channel_target_mean": 8 + 3 * level})
    return Dataset(columns, videos, targets, comparisons_of(channel, targets))


def comparisons_of(channel: np.ndarray, targets: np.ndarray) -> Comparisons:
    """Every pair of a channel."""
    first, second = np.triu_indices(len(channel), 1)
    pairs = np.column_stack([first, second])[channel[first] == channel[second]]
    won = targets[pairs[:, 0]] > targets[pairs[:, 1]]
    n_pairs, n_videos = len(pairs), len(channel)
    return Comparisons(
        pairs=pairs,
        first_won=won,
        margin=np.full(n_pairs, 0.5),
        judged_by_ctr=np.zeros(n_pairs, bool),
        channel=channel,
        ctr=np.full(n_videos, np.nan),
        sub_scores=np.full((n_videos, len(SUB_SCORES)), np.nan),
    )


def raised(videos: Dataset, seed: int) -> Dataset:
    """Every channel's targets higher or lower by a number of its own."""
    more = np.random.default_rng(seed).normal(0, 3, compared(videos).channel.max() + 1)
    return replace(videos, target_log=videos.targets + more[compared(videos).channel])


class FirstNumber(RankingRegressor):
    """Ranks by the first number of the picture, which is what it was given."""

    name = "first_number"

    def _fit_ranks(self, train, val):
        return Unseen(train, self._ranks(train))

    def _ranks(self, videos):
        return videos.modalities.matrix[:, 0].astype(np.float64)

    def _save_ranks(self, folder):
        pass

    def _load_ranks(self, folder):
        pass


@pytest.fixture(scope="module")
def videos():
    return ranked_videos(6, seed=0)


@pytest.fixture(scope="module")
def fitted(videos):
    return FirstNumber().fit(videos, videos)


def test_scores_are_the_channel_mean_and_a_slope_in_log_views(fitted, videos):
    over = fitted.scores(videos) - videos.columns["channel_target_mean"].to_numpy()
    slope = over / videos.modalities.matrix[:, 0]
    assert slope.std() < 1e-6
    assert slope.mean() == pytest.approx(1, abs=0.1)


def test_predictions_rise_with_scores_within_a_channel_and_share_plateaus(fitted, videos):
    rows = np.argsort(fitted.scores(videos)[:12])
    steps = np.diff(fitted.predict(videos)[:12][rows])
    assert (steps > -1e-9).all() and (abs(steps) < 1e-12).any()


def test_what_is_stored_scores_and_predicts_the_same_to_the_bit(fitted, videos, tmp_path):
    fitted.save(tmp_path)
    loaded = FirstNumber.load(tmp_path)
    np.testing.assert_array_equal(loaded.scores(videos), fitted.scores(videos))
    np.testing.assert_array_equal(loaded.predict(videos), fitted.predict(videos))


def test_videos_without_comparisons_are_refused(videos):
    with pytest.raises(InvalidInput, match="these 72 videos must come with their comparisons"):
        FirstNumber().fit(replace(videos, comparisons=None), videos)


def test_no_channel_is_in_two_folds_and_one_channel_is_dealt_by_video():
    channel = np.repeat([4, 9, 2, 7, 5], 3)
    folds = channel_folds(channel, 3, seed=1)
    assert set(folds) == {0, 1, 2}
    assert all(len(set(folds[channel == each])) == 1 for each in set(channel))
    assert set(channel_folds(np.zeros(5, np.int64), 3, seed=1)) == {0, 1, 2}


def test_pairs_in_order_count_one_ties_half_and_others_nothing():
    comparisons = comparisons_of(np.zeros(3, np.int64), np.array([3.0, 1.0, 2.0]))
    assert winners_and_losers(comparisons).tolist() == [[0, 1], [0, 2], [2, 1]]
    assert share_in_order(comparisons, np.array([5.0, 5.0, 7.0])) == pytest.approx((0.5 + 0 + 1) / 3)
    assert share_in_order(comparisons.rows([0]), np.zeros(1)) == 0.5


class CalibratedOnVal(FirstNumber):
    """The same, where train was needed to learn."""

    def _fit_ranks(self, train, val):
        return Unseen(val, self._ranks(val))


def test_val_is_judged_without_what_was_learned_of_its_own_channel(videos):
    val = ranked_videos(8, seed=1, noise=3.0)
    higher = replace(val, target_log=val.targets + np.where(compared(val).channel == 3, 5.0, 0.0))
    (one, other), of_channel = (
        (CalibratedOnVal().fit(videos, each) for each in (val, higher)),
        compared(val).channel == 3,
    )
    np.testing.assert_array_equal(one.held_out(val)[of_channel], other.held_out(higher)[of_channel])
    assert (abs(one.predict(val) - other.predict(higher))[of_channel] > 0.1).all()
    assert np.square(one.held_out(val) - val.targets).mean() > np.square(one.predict(val) - val.targets).mean()


def test_where_val_taught_nothing_it_is_judged_by_what_is_predicted(fitted, videos):
    np.testing.assert_array_equal(fitted.held_out(videos), fitted.predict(videos))
