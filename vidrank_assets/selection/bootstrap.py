"""How sure a metric is: percentile intervals by resampling channels, since videos of one channel are not independent.

Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 (clusters) and 13 (percentiles). With few
channels such intervals are too narrow; with one there is none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput, NoRows
from vidrank_assets.selection.metrics import Metric, Vector

RESAMPLES = 2000
CONFIDENCE = 0.95

Counts = NDArray[np.int64]

#: What identifies a row, and what a metric reads of it.
KEYS = {"videos": ("video_id",), "pairs": ("video_id_a", "video_id_b")}
READS = {"videos": ("y_true", "y_pred"), "pairs": ("target_a", "target_b", "score_a", "score_b")}
_TARGETS = {"videos": ("y_true",), "pairs": ("target_a", "target_b")}


class Interval(NamedTuple):
    """A value and the bounds within which 95 % of the resamples fall; bounds are NaN with less than two channels."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bootstrapped:
    """A metric on some rows and on resamples of them, made once for every comparison with others.

    same: what two models must agree in to be compared: the rows' ids, channels and targets.
    """

    metric: Metric
    same: pl.DataFrame
    value: float
    resamples: Vector

    @property
    def interval(self) -> Interval:
        """The metric and its interval."""
        return _interval(self.value, self.resamples)

    def over(self, other: "Bootstrapped") -> Interval:
        """By how much these rows are better than `other`, on equal resamples; positive is better for every metric.

        Raises InvalidInput: the two are not predictions for the same rows and targets in the same order.
        """
        if not self.same.equals(other.same):
            raise InvalidInput(
                f"two models must be compared on the same {self.metric.of} with the same targets in the same order; "
                f"got {self.same.height} and {other.same.height} that differ. Fit and predict with both on one split."
            )
        # adding 0 makes a model over itself 0, not -0
        better = self.metric.sign * (self.resamples - other.resamples) + 0.0
        return _interval(self.metric.sign * (self.value - other.value) + 0.0, better)


def bootstrapped(metric: Metric, rows: pl.DataFrame, *, resamples: int = RESAMPLES, seed: int = 42) -> Bootstrapped:
    """The metric on `rows` and on resamples of their channels.

    rows: channel_id, and the columns of `KEYS[metric.of]` and `READS[metric.of]`, a row per video or pair.
    Raises NoRows: there are none.
    """
    drawn = resampled(metric, rows, resamples=resamples, seed=seed)
    same = rows.select(*KEYS[metric.of], "channel_id", *_TARGETS[metric.of])
    return Bootstrapped(metric, same, metric.value(*_columns(metric, rows)), drawn)


def resampled(metric: Metric, rows: pl.DataFrame, *, resamples: int, seed: int) -> Vector:
    """The metric on each resample, (resamples,): as many channels as there are, drawn with replacement.

    Equal channels and seeds give equal draws, so two models are compared on the same resamples. NaN where the metric is
    not defined, for example where every drawn video has one target; empty with less than two channels.
    """
    if rows.is_empty():
        raise NoRows(f"{metric.name} must have {metric.of} to be computed on; there are none. Check the split.")
    channels, channel = np.unique(rows["channel_id"].to_numpy(), return_inverse=True)
    n_channels = len(channels)
    if n_channels < 2:  # noqa: PLR2004
        return np.empty(0)
    drawn = channel_draws(n_channels, resamples, seed)
    columns = _columns(metric, rows)
    if metric.name in _ADDITIVE:
        terms, combined = _ADDITIVE[metric.name]
        sums = np.column_stack([np.bincount(channel, term, n_channels) for term in terms(*columns)])
        with np.errstate(divide="ignore", invalid="ignore"):
            return combined(*(drawn @ sums).T)
    return np.array([metric.value(*_repeated(columns, counts[channel].astype(np.int64))) for counts in drawn])


@lru_cache(maxsize=1)  # the rows of a leaderboard all ask for the same draws, which take longer than the metric
def channel_draws(n_channels: int, n_resamples: int, seed: int) -> Vector:
    """How often each channel is drawn in each resample, (n_resamples, n_channels), as the floats they multiply."""
    shares = np.full(n_channels, 1 / n_channels)
    drawn = np.random.default_rng(seed).multinomial(n_channels, shares, size=n_resamples).astype(np.float64)
    drawn.setflags(write=False)
    return drawn


def _repeated(columns: Sequence[Vector], times: Counts) -> list[Vector]:
    return [np.repeat(column, times) for column in columns]


def _columns(metric: Metric, rows: pl.DataFrame) -> list[Vector]:
    return [rows[name].to_numpy() for name in READS[metric.of]]


def _interval(value: float, values: Vector) -> Interval:
    values = values[np.isfinite(values)]
    if not len(values):
        return Interval(value, float("nan"), float("nan"))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _squared(target: Vector, predicted: Vector) -> list[Vector]:
    return [np.ones_like(target), (target - predicted) ** 2]


def _absolute(target: Vector, predicted: Vector) -> list[Vector]:
    return [np.ones_like(target), np.abs(target - predicted)]


def _variance(target: Vector, predicted: Vector) -> list[Vector]:
    centred = target - target.mean()  # near zero, sums of squares keep their digits
    return [np.ones_like(target), (target - predicted) ** 2, centred, centred**2]


def _credit(target_a: Vector, target_b: Vector, score_a: Vector, score_b: Vector) -> list[Vector]:
    order = np.sign(target_a - target_b)
    return [np.abs(order), np.abs(order) * (1 + order * np.sign(score_a - score_b)) / 2]


def _root_mean(n: Vector, total: Vector) -> Vector:
    return np.sqrt(total / n)


def _mean(n: Vector, total: Vector) -> Vector:
    return total / n


def _explained(n: Vector, residual: Vector, total: Vector, squares: Vector) -> Vector:
    return 1 - residual / (squares - total**2 / n)


def _in_views(terms: Callable[..., list[Vector]]) -> Callable[..., list[Vector]]:
    return lambda target, predicted: terms(np.expm1(target), np.expm1(predicted))


#: Metrics that are functions of sums over rows: the terms of a row, and the metric of their sums. Their resamples are
#: one matrix product with sums by channel; other metrics are computed on the rows of every resample.
_ADDITIVE: Mapping[str, tuple[Callable[..., list[Vector]], Callable[..., Vector]]] = {
    "rmse_log": (_squared, _root_mean),
    "mae_log": (_absolute, _mean),
    "r2_log": (_variance, _explained),
    "rmse_raw": (_in_views(_squared), _root_mean),
    "mae_raw": (_in_views(_absolute), _mean),
    "pairwise_auc": (_credit, _mean),
}
