"""The fused vector brought to a few columns that trees can use, learned on training rows only."""

from pathlib import Path
from typing import Self

import numpy as np

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Vector
from vidrank_assets.models.linear import LinearInputs, fitted_ridge
from vidrank_assets.models.tabular import Matrix64

N_FOLDS = 5


class Projector:
    """What each fused block adds to the target, beside metadata, in a ridge regression; and the sum of the blocks.

    On the rows it was fitted on such a column is far closer to the target than on new ones, and trees would trust it
    blindly. So the training rows are projected by a regression that has not seen them: one of `N_FOLDS`, each fitted on
    the other folds with the penalty that all of train prefers (stacking, Wolpert 1992). New rows are projected by the
    regression on all training rows.
    """

    def __init__(self, *, seed: int = 42) -> None:
        self._seed = seed

    def fit(self, train: Dataset) -> Matrix64:
        """Learn from `train`, and give its rows' projections, (n_videos, d_projected), each from the other folds."""
        self._blocks = dict(train.fused.blocks)
        inputs = LinearInputs().fit(train)
        ridge = fitted_ridge(inputs.transform(train), train.targets)
        self._centre, self._weights = inputs.fused_effects(ridge.coef_)
        projected = np.empty((len(train), len(self.names)))
        fold = np.random.default_rng(self._seed).permutation(len(train)) % N_FOLDS
        for each in range(N_FOLDS):
            held_out, others = np.flatnonzero(fold == each), np.flatnonzero(fold != each)
            projected[held_out] = self._projected(
                train.rows(held_out).fused, *_effects(train.rows(others), ridge.alpha_)
            )
        return projected

    def transform(self, fused: Vectors) -> Matrix64:
        """(n_videos, d_projected), for videos that were not in training."""
        return self._projected(fused, self._centre, self._weights)

    @property
    def names(self) -> list[str]:
        """(d_projected,)."""
        return [*(f"fused_{name}" for name in self._blocks), "fused_all"]

    def _projected(self, fused: Vectors, centre: Vector, weights: Vector) -> Matrix64:
        starts = np.cumsum([0, *self._blocks.values()])[:-1]
        blocks = np.add.reduceat((fused.matrix - centre) * weights, starts, axis=1)
        return np.column_stack([blocks, blocks.sum(axis=1)])

    def save(self, path: Path) -> None:
        """Write centre, weights and blocks as `.npz`, which needs no unpickling."""
        names, widths = np.array(list(self._blocks)), np.array(list(self._blocks.values()))
        np.savez(path, centre=self._centre, weights=self._weights, names=names, widths=widths)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The projector that `save` wrote."""
        projector = cls()
        with np.load(path, allow_pickle=False) as stored:
            projector._centre, projector._weights = stored["centre"], stored["weights"]
            projector._blocks = dict(zip(stored["names"].tolist(), stored["widths"].tolist(), strict=True))
        return projector


def _effects(train: Dataset, alpha: float) -> tuple[Vector, Vector]:
    """Centre and weights of the fused columns, (d_fused,) both, beside metadata, at one penalty."""
    from sklearn.linear_model import Ridge

    inputs = LinearInputs().fit(train)
    ridge = Ridge(alpha=alpha, solver="cholesky").fit(inputs.transform(train), train.targets)
    return inputs.fused_effects(ridge.coef_)
