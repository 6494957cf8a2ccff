"""What linear models read, and the ridge regression that they and the projector fit on it."""

from typing import Any, Self

import numpy as np

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Vector
from vidrank_assets.models.tabular import LinearColumns, Matrix64

#: Penalties that cross-validation chooses from.
ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class LinearInputs:
    """Metadata beside the fused vector, (n_videos, d_columns + d_fused), every block with a total variance near 1.

    Scaling each of several hundred fused columns to variance 1 would let them outweigh the metadata so far that every
    penalty of the grid is too weak. With a total variance of 1 a block's best penalty is about the noise variance over
    the variance that the block explains (Hoerl & Kennard 1970), which the grid covers whatever the number of videos.
    Directions within a fused block keep their weight; metadata columns are standardised first.
    """

    def fit(self, train: Dataset) -> Self:
        """Learn medians, levels and scales from training rows."""
        self._columns = LinearColumns().fit(train.columns)
        self._fused = _block_scaler(train.fused)
        return self

    def transform(self, videos: Dataset) -> Matrix64:
        """(n_videos, d_columns + d_fused), finite; each row depends on that video only."""
        columns = self._columns.transform(videos.columns) / np.sqrt(max(self._columns.n_numbers, 1))
        return np.hstack([columns, self._fused.transform(videos.fused.matrix.astype(np.float64))])

    def fused_effects(self, coefficients: Vector) -> tuple[Vector, Vector]:
        """The centre and the weights, (d_fused,) both, by which unscaled fused columns enter `coefficients`."""
        return self._fused.mean_, coefficients[-len(self._fused.mean_) :] / self._fused.scale_

    @property
    def estimators(self) -> dict[str, Any]:
        """What was fitted, for the artifact."""
        return {"columns": self._columns.estimators, "fused": self._fused}

    @classmethod
    def of(cls, estimators: dict[str, Any]) -> Self:
        """The inputs whose `estimators` these are."""
        inputs = cls()
        inputs._columns, inputs._fused = LinearColumns.of(estimators["columns"]), estimators["fused"]
        return inputs


def _block_scaler(fused: Vectors) -> Any:
    """A fitted StandardScaler that centres every column and divides each block by one number."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(fused.matrix.astype(np.float64))
    widths = list(fused.blocks.values())
    totals = [part.sum() for part in np.split(scaler.var_, np.cumsum(widths)[:-1])]
    scaler.scale_ = np.repeat([np.sqrt(total) if total > 0 else 1.0 for total in totals], widths)
    return scaler


def fitted_ridge(matrix: Matrix64, target: Vector) -> Any:
    """Ridge regression with the penalty of `ALPHAS` that the exact leave-one-out error prefers.

    Source: Golub, Heath & Wahba 1979, Generalized cross-validation as a method for choosing a good ridge parameter.
    """
    from sklearn.linear_model import RidgeCV

    return RidgeCV(alphas=ALPHAS).fit(matrix, target)
