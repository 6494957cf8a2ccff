"""How often the video with the higher score wins: from the difference of two scores to a calibrated probability.

A score orders videos and promises no probability. How often the order was right at each difference is learned from the
pairs of val, under two conditions that always hold: who is named first does not matter, P(-d) = 1 - P(d), and a greater
difference is never less sure.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput, NoPairs
from vidrank_assets.selection.bootstrap import CONFIDENCE, channel_draws
from vidrank_assets.selection.metrics import Vector

#: Fewer pairs, or pairs of fewer channels, say nothing of how often a score is right.
MIN_PAIRS, MIN_CHANNELS = 20, 5
RESAMPLES = 1000
#: Pairs of about equal difference that are counted together: at least this many, and at most so many groups.
_PAIRS_OF_GROUP, _GROUPS = 20, 50
_BINS = 10

Counts = NDArray[np.float64]


class _Counted(NamedTuple):
    """Pairs by the absolute difference of their scores, ascending.

    difference: the mean of each group, (n_groups,). pairs, right: how many there are, and how many the score orders
    right, of each channel, (n_channels, n_groups).
    """

    difference: Vector
    pairs: Counts
    right: Counts


@dataclass(frozen=True)
class PairProbability:
    """The probability that one of two videos wins, at some differences of scores, from 0 on, ascending.

    value: at each difference, from ½. low, high: the ends of its 95 % interval. n_pairs, n_channels: of what it was
    fitted to.
    """

    difference: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n_pairs: int
    n_channels: int

    def of(self, difference: Vector) -> Vector:
        """Value, low and high of the probability that the first of each pair wins, (n_pairs, 3).

        difference: (n_pairs,), the score of the first less that of the second.

        The value is linear between the differences that are known, and beyond the last one that of the last. All that
        is known of a curve that never falls is that it lies between its neighbours: low is that of the difference
        below, high that of the one above. So where the scores are closer than almost all pairs were, ½ is within, and 1
        is where they are further apart than in any.

        Raises InvalidInput: a difference is not a number.
        """
        given = np.asarray(difference, np.float64)
        if np.isnan(given).any():
            raise InvalidInput("a difference of scores must be a number; some are NaN. Score both videos first.")
        size, known = np.abs(given), np.array(self.difference)
        low = np.array(self.low)[np.searchsorted(known, size, side="right") - 1]
        high = np.array([*self.high, 1.0])[np.searchsorted(known, size, side="left")]
        ahead = np.column_stack([np.interp(size, known, self.value), low, high])
        behind = 1 - ahead[:, [0, 2, 1]]
        told: Vector = np.where((given < 0)[:, None], behind, ahead)
        return told

    def as_json(self) -> dict[str, Any]:
        """What `of_json` takes."""
        return {name: list(each) if isinstance(each, tuple) else each for name, each in asdict(self).items()}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `as_json` gave."""
        kept: dict[str, Any] = {k: tuple(each) if isinstance(each, list) else each for k, each in stored.items()}
        return cls(**kept)


def fitted(pairs: pl.DataFrame, *, resamples: int = RESAMPLES, seed: int = 42) -> PairProbability:
    """Calibrated on pairs that the scores were not fitted to; the interval is that of resamples of their channels.

    pairs: those of val, as `Trial.pair_predictions`; those of equal targets have no winner and are left out.

    The curve is the isotonic regression of winning on the difference, of every pair seen from both sides: that of the
    absolute difference, nowhere below ½. It is placed at the middles of its groups and linear between them. Because
    nothing is certain, one pair more is counted as right and one as wrong at the greatest difference (Laplace's rule).

    A curve that may only rise finds something in noise: the low end is above ½ only where the pairs of at most that
    difference, and of at most every greater one, are together right more often than not, as far as resamples say.

    Raises NoPairs: fewer than 20 such pairs, or pairs of fewer than 5 channels.
    Source: Zadrozny & Elkan 2002, Transforming classifier scores into accurate multiclass probability estimates; Oron &
    Flournoy 2017, Centered isotonic regression; Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 8.
    """
    counted = _counted(_with_winner(pairs))
    n_channels = len(counted.pairs)
    value = _curve(counted, np.ones(n_channels))
    draws = channel_draws(n_channels, resamples, seed)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile([_curve(counted, drawn) for drawn in draws], [tail, 1 - tail], axis=0)
    n_until, right_until = (np.cumsum(draws @ each, axis=1) for each in (counted.pairs, counted.right))
    shown = np.quantile(right_until / np.maximum(n_until, 1), tail, axis=0) > 0.5  # noqa: PLR2004
    low = np.where(np.logical_and.accumulate(shown[::-1])[::-1], np.minimum(low, value), 0.5)
    return PairProbability(
        difference=(0.0, *counted.difference.tolist()),
        value=(0.5, *value.tolist()),
        low=(0.5, *low.tolist()),
        high=(0.5, *np.maximum(high, value).tolist()),
        n_pairs=int(counted.pairs.sum()),
        n_channels=n_channels,
    )


class Calibration(NamedTuple):
    """How well probabilities of pairs hold, beside what ½ for every pair would score.

    brier: mean squared error of the probability of the winner, lower is better; coin_brier is ¼ always.
    calibration_error: the mean over bins of equal width of |how often the surer side won - how sure it was|, weighted
    by pairs; coin_calibration_error: the same of ½ for whichever side the score prefers.
    accuracy: share of pairs whose winner has the higher probability, those at ½ half.

    Source: Brier 1950, Verification of forecasts expressed in terms of probability; Naeini et al. 2015, Obtaining well
    calibrated probabilities using Bayesian binning.
    """

    n_pairs: int
    brier: float
    coin_brier: float
    calibration_error: float
    coin_calibration_error: float
    accuracy: float


def calibration(probability: PairProbability, pairs: pl.DataFrame) -> Calibration:
    """How well a probability that was fitted to val holds on other pairs, as `Trial.pair_predictions`.

    Raises NoPairs: none has a winner.
    """
    of_winner = winner_probability(probability, pairs)
    bins = reliability(of_winner)
    surer = np.maximum(of_winner, 1 - of_winner)
    right = np.where(of_winner == 0.5, 0.5, of_winner > 0.5)  # noqa: PLR2004
    return Calibration(
        n_pairs=len(of_winner),
        brier=float(np.mean((1 - of_winner) ** 2)),
        coin_brier=0.25,
        calibration_error=float(np.abs(bins["pairs"] * (bins["won"] - bins["said"])).sum() / len(surer)),
        coin_calibration_error=float(abs(right.mean() - 0.5)),
        accuracy=float(right.mean()),
    )


def winner_probability(probability: PairProbability, pairs: pl.DataFrame) -> Vector:
    """What was said of the side that won, of every pair with a winner, in their order: (n_pairs_with_winner,).

    Raises NoPairs: none has one.
    """
    decided = pairs.filter(pl.col("target_a") != pl.col("target_b"))
    if decided.is_empty():
        raise NoPairs(
            f"probabilities of pairs are checked on pairs with a winner; of {pairs.height} none has one. "
            "Materialize training_pairs on more captures."
        )
    first = probability.of((decided["score_a"] - decided["score_b"]).to_numpy())[:, 0]
    return np.where((decided["target_a"] > decided["target_b"]).to_numpy(), first, 1 - first)


def reliability(of_winner: Vector, *, n_bins: int = _BINS) -> pl.DataFrame:
    """How sure was said and how often it held, in bins of equal width from ½ to 1: one row for each that has pairs.

    of_winner: (n_pairs,), by `winner_probability`. Columns: said (mean probability of the surer side), won (its share
    of wins; at ½ half), low and high (Wilson's 95 % interval of won), pairs.
    """
    surer = np.maximum(of_winner, 1 - of_winner)
    won = np.where(of_winner == 0.5, 0.5, of_winner > 0.5)  # noqa: PLR2004
    bins = np.minimum(((surer - 0.5) * 2 * n_bins).astype(np.int64), n_bins - 1)
    rows = (
        pl.DataFrame({"bin": bins, "surer": surer, "side": won})
        .group_by("bin")
        .agg(said=pl.col("surer").mean(), won=pl.col("side").mean(), pairs=pl.len().cast(pl.Int64))
    )
    rows = rows.sort("bin").drop("bin")
    ends = wilson(rows["won"].to_numpy(), rows["pairs"].to_numpy())
    return rows.with_columns(low=pl.Series(ends[:, 0]), high=pl.Series(ends[:, 1]))


def wilson(share: Vector, n: NDArray[np.int64]) -> Vector:
    """The 95 % score interval of shares of n trials each: (n_shares, 2). n must not be 0.

    It takes trials as independent, which pairs that have a video in common are not.
    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    z2 = 1.959963984540054**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    ends: Vector = np.column_stack([np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)])
    return ends


def _with_winner(pairs: pl.DataFrame) -> pl.DataFrame:
    """channel_id, the absolute difference of scores and whether the higher score won; equal scores say nothing."""
    difference = pl.col("score_a") - pl.col("score_b")
    decided = pairs.filter(pl.col("target_a") != pl.col("target_b"), difference.is_finite(), difference != 0)
    rows = decided.select(
        "channel_id",
        size=difference.abs(),
        right=((difference > 0) == (pl.col("target_a") > pl.col("target_b"))).cast(pl.Float64),
    )
    n_channels = rows["channel_id"].n_unique()
    if rows.height < MIN_PAIRS or n_channels < MIN_CHANNELS:
        raise NoPairs(
            f"how often a score is right is learned from at least {MIN_PAIRS} pairs of at least {MIN_CHANNELS} "
            f"channels whose scores and targets differ; there are {rows.height} of {n_channels}. "
            "Capture more channels, for longer."
        )
    return rows


def _counted(rows: pl.DataFrame) -> _Counted:
    size = rows["size"].to_numpy()
    n_groups = int(np.clip(len(size) // _PAIRS_OF_GROUP, 1, _GROUPS))
    # By the place of the first equal difference, so that equal ones are in one group.
    place = np.searchsorted(np.sort(size), size, side="left")
    group = np.unique(place * n_groups // len(size), return_inverse=True)[1]
    channel = np.unique(rows["channel_id"].to_numpy(), return_inverse=True)[1]
    shape = (channel.max() + 1, group.max() + 1)
    cell = np.ravel_multi_index((channel, group), shape)
    pairs = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    right = np.bincount(cell, rows["right"].to_numpy(), minlength=shape[0] * shape[1]).reshape(shape)
    middle = np.bincount(group, size) / np.bincount(group)
    return _Counted(middle, pairs, right)


def _curve(counted: _Counted, drawn: Vector) -> Vector:
    """The curve at the middle of each group, (n_groups,); drawn: how often each channel counts, (n_channels,)."""
    from scipy.optimize import isotonic_regression

    pairs, right = drawn @ counted.pairs, drawn @ counted.right
    pairs[-1], right[-1] = pairs[-1] + 2, right[-1] + 1
    # A group that no drawn channel is in follows its neighbours.
    share = np.divide(right, pairs, out=np.full(len(pairs), 0.5), where=pairs > 0)
    weight = np.maximum(pairs, 1e-9)
    fit = isotonic_regression(share, weights=weight)
    starts = fit.blocks[:-1]
    middles = np.add.reduceat(counted.difference * weight, starts) / fit.weights
    # The least squares within bounds are those without, held at the bounds.
    levels = np.maximum(fit.x[starts], 0.5)
    curve: Vector = np.interp(counted.difference, [0.0, *middles], [0.5, *levels])
    return curve
