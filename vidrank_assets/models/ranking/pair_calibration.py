"""From the numbers by which a ranker orders a channel's videos to log views."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.models.base import Vector

#: Where a ranker's order says nothing of unseen videos, or the opposite: the order stays, and log views hardly differ.
LEAST_SLOPE = 1e-6


@dataclass(frozen=True)
class PairCalibration:
    """How many log views a ranker's numbers are worth, learned of videos that the ranker has not learned from.

    slope: log views by which two videos of one channel differ, for each unit by which their numbers do.
    knots, values: of the isotonic function, linear between its knots, that gives the target over the channel's mean.
    """

    slope: float
    knots: list[float]
    values: list[float]

    @classmethod
    def fitted(cls, ranks: Vector, over: Vector, channel: NDArray[np.int64]) -> Self:
        """Least squares within channels, and isotonic regression over all.

        ranks: (n_videos,), the ranker's numbers. over: (n_videos,), log views over the channel's mean. channel:
        (n_videos,). What all videos of a channel have more or less of changes no slope.
        Source of the isotonic part: Zadrozny & Elkan 2002, Transforming classifier scores into accurate multiclass
        probability estimates, KDD.
        """
        from sklearn.isotonic import IsotonicRegression

        isotonic = IsotonicRegression(out_of_bounds="clip").fit(ranks, over)
        rank, gain = _less_channel_mean(ranks, channel), _less_channel_mean(over, channel)
        spread = float(rank @ rank)
        slope = float(rank @ gain) / spread if spread > 0 else 0.0
        return cls(max(slope, LEAST_SLOPE), isotonic.X_thresholds_.tolist(), isotonic.y_thresholds_.tolist())

    def in_log_views(self, ranks: Vector) -> Vector:
        """In the order of the numbers, their differences in log views, (n_videos,)."""
        return self.slope * ranks

    def expected(self, ranks: Vector) -> Vector:
        """What is added to the channel's mean, (n_videos,); numbers may share one value."""
        return np.interp(ranks, self.knots, self.values)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote, the same to the bit."""
        return cls(**json.loads(path.read_text()))


def _less_channel_mean(column: Vector, channel: NDArray[np.int64]) -> Vector:
    _, number, sizes = np.unique(channel, return_inverse=True, return_counts=True)
    less: Vector = column - (np.bincount(number, column) / sizes)[number]
    return less
