"""What linear models read, a few thousand rows at a time."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Vector
from vidrank_assets.models.tabular import LinearColumns, Matrix64, categorical_columns

#: Penalties that cross-validation chooses from, unless others are asked.
ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)

#: With 5 folds, a fifth of a small train missing, the choice between neighbouring penalties is often luck.
#: Source: Kohavi 1995, A study of cross-validation and bootstrap for accuracy estimation and model selection, IJCAI.
N_FOLDS = 10

#: Rows that are there as float64 at once: enough to keep matrix products fast, 80 MB of 1,200 columns.
BLOCK_ROWS = 8_192


def row_blocks(n_rows: int) -> Iterator[slice]:
    """Consecutive slices of at most `BLOCK_ROWS` rows."""
    return (slice(start, start + BLOCK_ROWS) for start in range(0, n_rows, BLOCK_ROWS))


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

    def blocks(self, videos: Dataset) -> Iterator[Matrix64]:
        """(at most BLOCK_ROWS, d_columns + d_fused) each, finite, in the order of the videos; together all of them.

        Each row depends on that video only.
        """
        for rows in row_blocks(len(videos)):
            columns = self._columns.transform(videos.columns[rows]) / np.sqrt(max(self._columns.n_numbers, 1))
            yield np.hstack([columns, self._fused.transform(videos.fused.matrix[rows].astype(np.float64))])

    def sources(self, videos: Dataset) -> list[str]:
        """What each column of `blocks` is made of, (d_columns + d_fused,): a metadata column, or `fused_<block>`."""
        categorical = categorical_columns(videos.columns)
        numeric = [name for name in videos.columns.columns if name not in categorical]
        estimators = self._columns.estimators
        fused = [f"fused_{name}" for name, width in videos.fused.blocks.items() for _ in range(width)]
        return [*_sources(estimators["numbers"], numeric), *_sources(estimators["categories"], categorical), *fused]

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

    scaler = StandardScaler()
    for rows in row_blocks(len(fused.matrix)):
        scaler.partial_fit(fused.matrix[rows].astype(np.float64))
    widths = list(fused.blocks.values())
    totals = [part.sum() for part in np.split(scaler.var_, np.cumsum(widths)[:-1])]
    scaler.scale_ = np.repeat([np.sqrt(total) if total > 0 else 1.0 for total in totals], widths)
    return scaler


def _sources(fitted: Any, names: list[str]) -> list[str]:
    """Of which of the columns `names` each column is made that a fitted imputer and scaler or encoder gives."""
    if not names:
        return []
    made = fitted.get_feature_names_out([str(place) for place in range(len(names))])  # `3`, `missingindicator_3`, `3_x`
    return [names[int(each.removeprefix("missingindicator_").split("_")[0])] for each in made]
