"""Which of several variants of one video would do best, and whether that can be told."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.bootstrap import Interval
from vidrank_assets.selection.metrics import Vector
from vidrank_assets.selection.pair_probability import PairProbability

#: How many variants of one video are ranked at a time.
FEWEST, MOST = 2, 10

#: An interval is said in whole percents: what is said as 50 % does not lie above it.
_ABOVE_A_HALF = 0.505

_ROUNDS, _PRECISION = 10_000, 1e-12


class RankedVariants(NamedTuple):
    """Variants of one video, in the order in which they were given.

    place: 1 for the highest score, equal where the scores are, (n_variants,). best: the probability of being the best
    of all, (n_variants,), summing to 1. over_second: the probability that the first wins against the second alone.
    is_close: whether that interval includes ½, so that the winner is too close to call.
    """

    place: NDArray[np.int64]
    best: Vector
    over_second: Interval
    is_close: bool


def ranked(scores: Sequence[float] | Vector, probability: PairProbability) -> RankedVariants:
    """Rank 2 to 10 variants by their scores, each of which depends on its own variant only.

    scores: (n_variants,), in the unit of the scores that `probability` was calibrated on.

    Raises InvalidInput: fewer or more variants, or a score that is not finite.
    """
    given = np.asarray(scores, np.float64)
    if not FEWEST <= len(given) <= MOST or not np.isfinite(given).all():
        raise InvalidInput(
            f"{FEWEST} to {MOST} variants are ranked by finite scores; got {len(given)} scores, "
            f"{int((~np.isfinite(given)).sum())} of them not finite. Leave some out, or rank in several rounds."
        )
    distinct, variant = np.unique(given, return_inverse=True)
    first, second = np.sort(given)[[-1, -2]]
    over_second = Interval(*probability.of(np.array([first - second]))[0].tolist())
    return RankedVariants(
        place=1 + (given[None, :] > given[:, None]).sum(axis=1),
        best=_best(distinct, np.bincount(variant), probability)[variant],
        over_second=over_second,
        is_close=over_second.low < _ABOVE_A_HALF,
    )


def _best(scores: Vector, times: NDArray[np.int64], probability: PairProbability) -> Vector:
    """The probability of each of some different scores to be the best, when each is there `times` times.

    Strengths p whose p_i / (p_i + p_j) come closest to the probability of every pair, by the Kullback-Leibler
    divergence; of two variants, exactly their pair's. That an item is the best of all in proportion to its strength is
    Luce's axiom. A greater score never has the smaller strength.

    Source: Hastie & Tibshirani 1998, Classification by pairwise coupling; Luce 1959, Individual choice behavior.
    """
    wins = probability.of((scores[:, None] - scores[None, :]).ravel())[:, 0].reshape(len(scores), -1)
    others = np.tile(times, (len(scores), 1)) - np.eye(len(scores), dtype=np.int64)
    won = (wins * others).sum(axis=1)
    strength: Vector = np.full(len(scores), 1 / times.sum())
    for _ in range(_ROUNDS):
        before = strength
        expected = (others * before[:, None] / (before[:, None] + before[None, :])).sum(axis=1)
        strength = before * won / expected
        strength = strength / (strength @ times)
        if np.abs(strength - before).max() < _PRECISION:
            break
    return strength
