"""How good a prediction is: one function a metric, its printed name the function's name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput, NoPairs

Vector = NDArray[np.float64]


def rmse_log(target_log: Vector, predicted_log: Vector) -> float:
    """Root of the mean squared error on the log scale; 0.1 is about 10 % of the views."""
    _check(target_log, predicted_log)
    return float(np.sqrt(np.mean((target_log - predicted_log) ** 2)))


def mae_log(target_log: Vector, predicted_log: Vector) -> float:
    """Mean absolute error on the log scale."""
    _check(target_log, predicted_log)
    return float(np.mean(np.abs(target_log - predicted_log)))


def r2_log(target_log: Vector, predicted_log: Vector) -> float:
    """Coefficient of determination on the log scale: 1 - SS_residual / SS_total, NaN when all targets are equal.

    The mean in SS_total is that of the rows scored, so a constant prediction scores at most 0.
    """
    _check(target_log, predicted_log)
    total = np.sum((target_log - target_log.mean()) ** 2)
    return float(1 - np.sum((target_log - predicted_log) ** 2) / total) if total > 0 else float("nan")


def rmse_raw(target_log: Vector, predicted_log: Vector) -> float:
    """Root of the mean squared error in views, both sides by expm1."""
    return rmse_log(np.expm1(target_log), np.expm1(predicted_log))


def mae_raw(target_log: Vector, predicted_log: Vector) -> float:
    """Mean absolute error in views, both sides by expm1."""
    return mae_log(np.expm1(target_log), np.expm1(predicted_log))


def spearman(target_log: Vector, predicted_log: Vector) -> float:
    """Correlation of ranks, ties at their mean rank; NaN when either side is constant.

    Source: Spearman 1904, The proof and measurement of association between two things.
    """
    from scipy.stats import rankdata

    _check(target_log, predicted_log)
    ranks = rankdata(target_log) - (len(target_log) + 1) / 2, rankdata(predicted_log) - (len(target_log) + 1) / 2
    lengths = np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1])
    return float(ranks[0] @ ranks[1] / lengths) if lengths > 0 else float("nan")


def pairwise_auc(target_a: Vector, target_b: Vector, score_a: Vector, score_b: Vector) -> float:
    """Share of pairs whose order the score gets right; ties in score count half, ties in target make no pair.

    (n_pairs,) each; both scores of a pair must be made with one date of the channel's history.
    Raises NoPairs: no pair has two different targets.
    Source: Hanley & McNeil 1982, The meaning and use of the area under a ROC curve, applied to given pairs.
    """
    _check(target_a, target_b, score_a, score_b)
    order = np.sign(target_a - target_b)
    if not order.any():
        raise NoPairs(f"pairs must have different targets; all {len(order)} are equal. Use another horizon.")
    return float(np.mean((1 + order * np.sign(score_a - score_b))[order != 0]) / 2)


@dataclass(frozen=True)
class Metric:
    """A metric, its direction, and what it is computed on.

    of: `videos` takes (target_log, predicted_log), `pairs` takes (target_a, target_b, score_a, score_b).
    """

    value: Callable[..., float]
    higher_is_better: bool
    of: Literal["videos", "pairs"] = "videos"

    @property
    def name(self) -> str:
        """The printed name."""
        return self.value.__name__

    @property
    def sign(self) -> int:
        """1 when higher is better, -1 when lower is."""
        return 1 if self.higher_is_better else -1


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(rmse_log, higher_is_better=False),
        Metric(mae_log, higher_is_better=False),
        Metric(r2_log, higher_is_better=True),
        Metric(rmse_raw, higher_is_better=False),
        Metric(mae_raw, higher_is_better=False),
        Metric(spearman, higher_is_better=True),
        Metric(pairwise_auc, higher_is_better=True, of="pairs"),
    )
}


def _check(*columns: Vector) -> None:
    shapes = {column.shape for column in columns}
    if len(shapes) != 1 or columns[0].ndim != 1 or not len(columns[0]):
        raise InvalidInput(
            f"a metric must have columns of one length, with at least one row; got shapes {sorted(shapes)}. "
            "Score a part that has videos."
        )
