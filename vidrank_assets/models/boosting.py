"""Boosted trees as LightGBM grows them: the part that the LightGBM families share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from vidrank_assets.models.base import Vector
from vidrank_assets.models.tabular import Matrix64

MAX_ROUNDS = 2000
PATIENCE = 50

#: Below so many rows threads wait for each other longer than they work; from there on LightGBM takes every core.
FEWEST_ROWS_FOR_THREADS = 10_000

#: `deterministic` and `force_row_wise` make the trees the same whatever the number of threads.
PARAMETERS: dict[str, Any] = {
    "objective": "regression",
    "metric": "rmse",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class TreeInputs:
    """What trees read of some videos: (n_videos, n_columns), the columns' names, and which of them are codes."""

    matrix: Matrix64
    names: Sequence[str]
    categorical: Sequence[int]

    def beside(self, matrix: Matrix64, names: Sequence[str]) -> "TreeInputs":
        """With more columns at the right."""
        return TreeInputs(np.hstack([self.matrix, matrix]), [*self.names, *names], self.categorical)


class BoostedTrees:
    """Squared error, stopped when `PATIENCE` rounds bring nothing on val.

    Source: Ke et al. 2017, LightGBM: a highly efficient gradient boosting decision tree, NeurIPS.
    """

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    @classmethod
    def fit(cls, train: TreeInputs, target: Vector, *, val: TreeInputs, val_target: Vector, seed: int) -> Self:
        """Grow trees on train until val stops getting better."""
        import lightgbm

        parameters = PARAMETERS | {"seed": seed, "num_threads": _n_threads(train)}
        rows = lightgbm.Dataset(
            train.matrix,
            target,
            feature_name=list(train.names),
            categorical_feature=list(train.categorical),
            params=parameters,
        )
        grown = lightgbm.train(
            parameters,
            rows,
            num_boost_round=MAX_ROUNDS,
            valid_sets=[rows.create_valid(val.matrix, val_target)],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )
        # The fitted trees are the stored text, read again: so a loaded family cannot differ from the fitted one.
        text = grown.model_to_string(num_iteration=grown.best_iteration, importance_type="gain")
        return cls(lightgbm.Booster(model_str=text))

    def predict(self, videos: TreeInputs) -> Vector:
        """(n_videos,)."""
        return np.asarray(self._booster.predict(videos.matrix, num_threads=_n_threads(videos)), np.float64)

    @property
    def importances(self) -> dict[str, float]:
        """Total gain by column."""
        gains = self._booster.feature_importance("gain")
        return dict(zip(self._booster.feature_name(), map(float, gains), strict=True))

    def save(self, path: Path) -> None:
        """Write the trees as LightGBM's text."""
        path.write_text(self._booster.model_to_string(importance_type="gain"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The trees that `save` wrote. A damaged file can end the process: verify its checksum first."""
        import lightgbm

        return cls(lightgbm.Booster(model_str=path.read_text()))


def _n_threads(videos: TreeInputs) -> int:
    """1, or 0 for every core; the trees are the same."""
    return 1 if len(videos.matrix) < FEWEST_ROWS_FOR_THREADS else 0
