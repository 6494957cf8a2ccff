"""The fused vector brought to a few columns that trees can use, learned on training rows only."""

from pathlib import Path
from typing import Self

import numpy as np

from vidrank_assets.features.vectors import Matrix, Vectors
from vidrank_assets.models.base import Dataset, Vector
from vidrank_assets.models.gram import CrossValidatedRidge, grams_by_fold, shuffled_folds
from vidrank_assets.models.linear import N_FOLDS, LinearInputs, row_blocks
from vidrank_assets.models.tabular import Matrix64

#: Four penalties a decade: beside the eigendecomposition that all of them share they cost nothing.
ALPHAS = tuple(np.geomspace(0.1, 100, 13).tolist())


class LinearProjector:
    """What each fused block adds to the target, beside metadata, in a ridge regression; and the sum of the blocks.

    On the rows it was fitted on such a column is far closer to the target than on new ones, and trees would trust it
    blindly. So the training rows are projected by a regression that has not seen their targets: one of `N_FOLDS`, each
    fitted on the other folds with the penalty that all of train prefers (stacking, Wolpert 1992). New rows are
    projected by the regression on all training rows. All come from one pass over the rows.
    """

    def __init__(self, *, seed: int = 42) -> None:
        self._seed = seed

    def fit(self, train: Dataset) -> Matrix64:
        """Learn from `train`, and give its rows' projections, (n_videos, d_projected), each from the other folds."""
        self._blocks = dict(train.fused.blocks)
        inputs = LinearInputs().fit(train)
        folds = shuffled_folds(len(train), N_FOLDS, self._seed)
        grams = grams_by_fold(inputs.blocks(train), train.targets[:, np.newaxis], folds)
        ridge = CrossValidatedRidge.of(grams, ALPHAS)
        self._centre, self._weights = inputs.fused_effects(ridge.coefficients[:, 0])
        projected = np.empty((len(train), len(self.names)))
        for fold, coefficients in enumerate(ridge.fold_coefficients[:, :, 0]):
            held_out = np.flatnonzero(folds == fold)
            _, weights = inputs.fused_effects(coefficients)
            projected[held_out] = self._projected(train.fused.matrix[held_out], weights)
        return projected

    def transform(self, fused: Vectors) -> Matrix64:
        """(n_videos, d_projected), for videos that were not in training."""
        return self._projected(fused.matrix, self._weights)

    @property
    def names(self) -> list[str]:
        """(d_projected,)."""
        return [*(f"fused_{name}" for name in self._blocks), "fused_all"]

    def _projected(self, matrix: Matrix, weights: Vector) -> Matrix64:
        starts = np.cumsum([0, *self._blocks.values()])[:-1]
        projected = np.empty((len(matrix), len(self.names)))
        for rows in row_blocks(len(matrix)):
            blocks = np.add.reduceat((matrix[rows] - self._centre) * weights, starts, axis=1)
            projected[rows] = np.column_stack([blocks, blocks.sum(axis=1)])
        return projected

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
