"""The one shape in which vectors travel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """One float32 row per video, with the columns grouped in named blocks.

    video_ids: (n_videos,), unique.
    matrix: (n_videos, n_columns), finite.
    blocks: the width of each block, in the order of the columns; the widths sum to n_columns.
    unfused: of vectors that a fusion pooled, the ones it was given; None where these are all that is known.

    Raises InvalidInput: they do not fit together.
    """

    video_ids: tuple[str, ...]
    matrix: Matrix
    blocks: Mapping[str, int]
    unfused: "Vectors | None" = None

    def __post_init__(self) -> None:
        n_rows, n_columns = self.matrix.shape
        if len(self.video_ids) != n_rows or sum(self.blocks.values()) != n_columns:
            raise InvalidInput(
                f"vectors must have one row per video and one column per place in a block; got {n_rows} rows for "
                f"{len(self.video_ids)} videos and {n_columns} columns for blocks {dict(self.blocks)}. "
                "Make all three from the same table."
            )
        if self.modalities.video_ids != self.video_ids:
            raise InvalidInput(
                f"unfused vectors must be of the same videos in the same order; got {len(self.modalities.video_ids)} "
                f"for {n_rows}. Read both by one manifest."
            )

    @property
    def modalities(self) -> "Vectors":
        """One block a modality, at unit length, zeros where it is absent; these themselves where none were pooled."""
        return self.unfused or self

    def block(self, name: str) -> Matrix:
        """The columns of one block, (n_videos, d_block)."""
        start = 0
        for each, width in self.blocks.items():
            if each == name:
                return self.matrix[:, start : start + width]
            start += width
        raise InvalidInput(f"block must be one of: {', '.join(self.blocks)}; got {name!r}.")

    def rows(self, indices: Sequence[int]) -> "Vectors":
        """The same blocks for some of the videos, in the order given."""
        unfused = self.unfused and self.unfused.rows(indices)
        return Vectors(tuple(self.video_ids[i] for i in indices), self.matrix[list(indices)], self.blocks, unfused)
