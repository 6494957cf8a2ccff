"""What nets read: metadata as standardised numbers and embedded categories, and vectors scaled block by block."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models import skops_file
from vidrank_assets.models.tabular import LevelCodes, StandardNumbers
from vidrank_assets.models.training.torch_fit import Arrays, Layers, Tensor, Tensors

MAX_EMBEDDING_WIDTH = 16

#: Standardised numbers are cut here: a net is not asked how views go on ten deviations outside what it has seen.
MAX_DEVIATIONS = 5.0

#: Below this a block says nothing: its columns are the same for all videos, but for rounding.
_LEAST_VARIANCE = 1e-6


class NeuralColumns:
    """Metadata for a net: `numbers`, float32 (n_videos, n_numbers), and `codes`, int64 (n_videos, n_categorical).

    Numbers are those of `StandardNumbers`; codes those of `LevelCodes`.
    """

    def fit(self, columns: pl.DataFrame) -> Self:
        """Learn medians, scales and levels from training rows."""
        self._numbers, self._levels = StandardNumbers().fit(columns), LevelCodes().fit(columns)
        self.n_numbers = self._numbers.transform(columns[:1]).shape[1]
        return self

    @property
    def n_codes(self) -> list[int]:
        """How many codes each category has."""
        return self._levels.n_codes

    def transform(self, columns: pl.DataFrame) -> Arrays:
        """Each row depends on that video only."""
        numbers = self._numbers.transform(columns).clip(-MAX_DEVIATIONS, MAX_DEVIATIONS)
        return {
            "numbers": numbers.astype(np.float32),
            "codes": self._levels.transform(columns).astype(np.int64),
        }

    def save(self, folder: Path) -> None:
        """Write them into an existing folder."""
        skops_file.write({"numbers": self._numbers.estimator, "n_numbers": self.n_numbers}, folder / "numbers.skops")
        self._levels.save(folder / "levels.json")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        columns = cls()
        stored = skops_file.read(folder / "numbers.skops")
        columns._numbers, columns.n_numbers = StandardNumbers.of(stored["numbers"]), stored["n_numbers"]
        columns._levels = LevelCodes.load(folder / "levels.json")
        return columns


def embedding_widths(n_codes: Sequence[int]) -> list[int]:
    """About the square root of each category's number of codes, `MAX_EMBEDDING_WIDTH` at most."""
    return [min(MAX_EMBEDDING_WIDTH, round(n**0.5)) for n in n_codes]


def embeddings(n_codes: Sequence[int]) -> Layers:
    """An embedding for each category; a level that training never met begins, and then stays, at zero."""
    from torch import nn

    tables = nn.ModuleDict()
    for place, (n, width) in enumerate(zip(n_codes, embedding_widths(n_codes), strict=True)):
        table = tables[str(place)] = nn.Embedding(n, width)
        nn.init.normal_(table.weight, std=0.1)
        nn.init.zeros_(table.weight[:2])
    return tables


def embedded(tables: Layers, inputs: Tensors) -> Tensor:
    """Numbers beside the embeddings of the codes, (n_rows, n_numbers + sum of the widths)."""
    import torch

    codes = inputs["codes"]
    return torch.cat([inputs["numbers"], *(table(codes[:, int(place)]) for place, table in tables.items())], dim=1)


def block_scale(blocks: Mapping[str, int], vectors: Vectors | None) -> Layers:
    """`centre` and `weight`, (d_vectors,) each, that give every block mean 0 and a total variance of 1 on these rows.

    They are part of the net, so that the vectors themselves are never copied. A block weighs as much as one standard
    number, as for the linear models: with every column at variance 1 hundreds of them would drown the metadata.
    """
    import torch
    from torch import nn

    width = sum(blocks.values())
    scale = nn.ParameterDict({name: nn.Parameter(torch.empty(width), False) for name in ("centre", "weight")})
    if vectors is not None:
        centre = vectors.matrix.mean(axis=0, dtype=np.float64)
        variance = np.einsum("ij,ij->j", vectors.matrix, vectors.matrix, dtype=np.float64) / len(vectors.matrix)
        starts = np.cumsum([0, *blocks.values()])[:-1]
        totals = np.add.reduceat(variance - centre**2, starts)
        weight = np.repeat(totals.clip(_LEAST_VARIANCE) ** -0.5, list(blocks.values()))
        scale["centre"].copy_(torch.from_numpy(centre))
        scale["weight"].copy_(torch.from_numpy(weight))
    return scale


def scaled(layers: Layers, inputs: Tensors) -> Tensor:
    """The vectors, (n_rows, d_vectors), by the scale that is among the layers."""
    scale = layers["scale"]
    return (inputs["vectors"] - scale["centre"]) * scale["weight"]
