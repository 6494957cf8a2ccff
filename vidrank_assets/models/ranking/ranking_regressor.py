"""Families that rank the videos of one channel: what they have in common around their scores."""

from abc import abstractmethod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput, NoPairs
from vidrank_assets.models.base import Dataset, Regressor, Vector
from vidrank_assets.models.channel_mean import ChannelMean
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.models.gram import Folds, shuffled_folds
from vidrank_assets.models.ranking.pair_calibration import PairCalibration

#: Folds of channels by which val is judged where the calibration was learned of it.
_FOLDS_OF_VAL = 5


class Unseen(NamedTuple):
    """Videos with targets, and what a ranker that has not learned from these targets gives them, (n_videos,)."""

    videos: Dataset
    ranks: Vector


class RankingRegressor(Regressor):
    """A family gives each video a number that is higher the better it should do among its channel's.

    Its score is the channel's mean plus that number, in log views: times the slope that fits how far apart two videos
    of one channel ended. Its prediction is the channel's mean plus an isotonic function of the number. Both are learned
    from videos whose targets the ranker has not learned from. Where those are val, val is judged by calibrations that
    its video's channel had no part in.

    Where train has no pair a ranker is still fitted, and then knows little more than the channel's mean. `fit` raises
    NoPairs where train has a single video, which nothing can be compared with.
    """

    reads_modalities = True
    _held_out: Vector | None = None

    def _fit(self, train: Dataset, val: Dataset) -> None:
        if len(train) < 2:  # noqa: PLR2004
            raise NoPairs(
                f"train must have at least 2 videos to compare; {self.name} got {len(train)}. "
                "Check the split and the label coverage of the horizon."
            )
        self._channel_mean = ChannelMean(seed=self.seed).fit(train, val)
        unseen = self._fit_ranks(train, val)
        over = unseen.videos.targets - self._channel_mean.predict(unseen.videos)
        channel = compared(unseen.videos).channel
        self._calibration = PairCalibration.fitted(unseen.ranks, over, channel)
        self._held_out = crossed(unseen.ranks, over, channel, seed=self.seed) if unseen.videos is val else None

    def held_out(self, val: Dataset) -> Vector:
        """See `Regressor.held_out`."""
        if self._held_out is None:
            return self.predict(val)
        return self._channel_mean.predict(val) + self._held_out

    def _predict(self, videos: Dataset) -> Vector:
        return self._channel_mean.predict(videos) + self._calibration.expected(self._ranks(videos))

    def _scores(self, videos: Dataset) -> Vector:
        return self._channel_mean.predict(videos) + self._calibration.in_log_views(self._ranks(videos))

    def _save(self, folder: Path) -> None:
        (folder / "channel_mean").mkdir()
        self._channel_mean.save(folder / "channel_mean")
        self._calibration.save(folder / "calibration.json")
        self._save_ranks(folder)

    def _load(self, folder: Path) -> None:
        self._channel_mean = ChannelMean.load(folder / "channel_mean")
        self._calibration = PairCalibration.load(folder / "calibration.json")
        self._load_ranks(folder)

    @abstractmethod
    def _fit_ranks(self, train: Dataset, val: Dataset) -> Unseen: ...

    @abstractmethod
    def _ranks(self, videos: Dataset) -> Vector: ...

    @abstractmethod
    def _save_ranks(self, folder: Path) -> None: ...

    @abstractmethod
    def _load_ranks(self, folder: Path) -> None: ...


def compared(videos: Dataset) -> Comparisons:
    """What is known of their pairs and channels, where it has to be there.

    Raises InvalidInput: it is None.
    """
    if videos.comparisons is None:
        raise InvalidInput(
            f"these {len(videos)} videos must come with their comparisons; they have none. "
            "Make them with Comparisons.of, from training_pairs and ranking_targets."
        )
    return videos.comparisons


def crossed(ranks: Vector, over: Vector, channel: NDArray[np.int64], *, seed: int) -> Vector | None:
    """What is expected over the channel's mean, (n_videos,), each by a calibration that other channels were fitted to.

    ranks, over, channel: as `PairCalibration.fitted` takes them. None of fewer than two videos: there are no others.
    """
    if len(ranks) < 2:  # noqa: PLR2004
        return None
    folds, expected = channel_folds(channel, _FOLDS_OF_VAL, seed), np.empty(len(ranks))
    for fold in np.unique(folds):
        held = folds == fold
        others = PairCalibration.fitted(ranks[~held], over[~held], channel[~held])
        expected[held] = others.expected(ranks[held])
    return expected


def channel_folds(channel: NDArray[np.int64], n_folds: int, seed: int) -> Folds:
    """A fold for each video, (n_videos,), so that a channel is in one fold only; of one channel, the videos are dealt.

    Raises InvalidInput: there are fewer than two videos.
    """
    channels, number = np.unique(channel, return_inverse=True)
    if len(channels) < 2:  # noqa: PLR2004
        return shuffled_folds(len(channel), n_folds, seed)
    return shuffled_folds(len(channels), n_folds, seed)[number]


def winners_and_losers(comparisons: Comparisons) -> NDArray[np.int64]:
    """The pairs with the row of the video that won first, (n_pairs, 2)."""
    won = comparisons.first_won[:, np.newaxis]
    pairs: NDArray[np.int64] = np.where(won, comparisons.pairs, comparisons.pairs[:, ::-1])
    return pairs


def share_in_order(comparisons: Comparisons, scores: Vector) -> float:
    """Pairwise AUC: the share of the pairs whose winner has the higher score, (n_videos,); ties half.

    One half where there are no pairs: nothing is known of the order.
    """
    winner, loser = scores[winners_and_losers(comparisons)].T
    return float((1 + np.sign(winner - loser)).mean() / 2) if len(winner) else 0.5
