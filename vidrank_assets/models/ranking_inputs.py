"""What linear rankers read of a video: its thumbnail's and its title's vector, centred and brought to one scale."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from vidrank_assets.features.vectors import Matrix, Vectors
from vidrank_assets.models.base import Vector
from vidrank_assets.models.linear import row_blocks
from vidrank_assets.models.tabular import Matrix64


def blocks_of(vectors: Vectors, wanted: Sequence[str]) -> Vectors:
    """The blocks of these names that are there, in the order wanted; none of them may be."""
    blocks = {name: vectors.block(name) for name in wanted if name in vectors.blocks}
    matrix: Matrix = np.concatenate([np.empty((len(vectors.video_ids), 0), np.float32), *blocks.values()], axis=1)
    return Vectors(vectors.video_ids, matrix, {name: block.shape[1] for name, block in blocks.items()})


def shown(vectors: Vectors) -> Vectors:
    """Image and text; all blocks where neither is named, as in vectors that another system fused."""
    found = blocks_of(vectors, ("image", "text"))
    return found if found.blocks else Vectors(vectors.video_ids, vectors.matrix, vectors.blocks)


class RankingInputs:
    """Blocks with every column about its mean and a total variance of 1 each, so that one penalty suits them all.

    A video without a modality has zeros there, which then is what videos with it are on average: it is ranked by the
    rest. Means and variances are those of the training videos that have the modality.
    """

    def fit(self, vectors: Vectors) -> Self:
        """Learn means and scales."""
        self._widths = list(vectors.blocks.values())
        means, scales = [np.empty(0)], [np.empty(0)]
        for block in _split(vectors.matrix, self._widths):
            there = block[block.any(axis=1)]
            n_columns = block.shape[1]
            mean = there.mean(axis=0, dtype=np.float64) if len(there) else np.zeros(n_columns)
            spread = float(np.sqrt(there.var(axis=0, dtype=np.float64).sum())) if len(there) else 0.0
            means.append(mean)
            scales.append(np.full(n_columns, spread if spread > 0 else 1.0))
        self.means: Vector = np.concatenate(means)
        self.scales: Vector = np.concatenate(scales)
        return self

    def transform(self, matrix: Matrix) -> Matrix64:
        """Rows of the vectors' matrix, (n_videos, d_columns), scaled; zeros where a block is absent."""
        scaled: Matrix64 = (matrix - self.means) / self.scales
        for before, after in zip(_split(matrix, self._widths), _split(scaled, self._widths), strict=True):
            after[~before.any(axis=1)] = 0
        return scaled

    def weighted(self, matrix: Matrix, weights: Vector) -> Vector:
        """The sum of the scaled columns times `weights`, (d_columns,): (n_videos,)."""
        parts = [self.transform(matrix[rows]) @ weights for rows in row_blocks(len(matrix))]
        return np.concatenate([np.empty(0), *parts])

    def save(self, path: Path, weights: Vector) -> None:
        """Write what was fitted, and the weights that go with it, as `.npz`, which needs no unpickling."""
        np.savez(path, weights=weights, means=self.means, scales=self.scales, widths=np.array(self._widths, np.int64))

    @classmethod
    def load(cls, path: Path) -> tuple[Self, Vector]:
        """The inputs and the weights that `save` wrote."""
        inputs = cls()
        with np.load(path, allow_pickle=False) as stored:
            inputs.means, inputs.scales, inputs._widths = stored["means"], stored["scales"], stored["widths"].tolist()
            return inputs, stored["weights"]


def _split(matrix: np.ndarray, widths: Sequence[int]) -> list[np.ndarray]:
    """Views of the blocks."""
    ends = np.cumsum(widths, dtype=int)
    return [matrix[:, end - width : end] for end, width in zip(ends, widths, strict=True)]
