"""What a fusion strategy is: it joins the modalities of each video into one row, and learns nothing."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.catalog import FUSIONS
from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.vectors import Matrix

Mask = NDArray[np.bool_]

#: The width that pooling brings every modality to.
POOL_WIDTH = 256
#: How finely numbers are rounded before a projection. A float64 adds 2**23 such numbers without rounding.
_STEPS = 2.0**30


class Modality(NamedTuple):
    """One modality of some videos. matrix: (n_videos, width); present: (n_videos,), False where there is no vector."""

    matrix: Matrix
    present: Mask


class Fused(NamedTuple):
    """One row per video. matrix: (n_videos, n_columns) float32; blocks: the width of each named block of columns."""

    matrix: Matrix
    blocks: Mapping[str, int]


class Fuse(Protocol):
    """Row i of the result depends on row i of the modalities and on nothing else, to the bit."""

    def __call__(self, modalities: Mapping[str, Modality], *, width: int = POOL_WIDTH) -> Fused:
        """Join the modalities; width: what a pooling strategy brings them to."""
        ...


def load_fusion(strategy: str) -> Fuse:
    """The strategy listed under that name, with its input checked.

    The loaded one raises InvalidInput: there is no modality, they differ in rows, or a present vector is not finite.
    """
    fuse: Fuse = FUSIONS.load(strategy)

    def checked(modalities: Mapping[str, Modality], *, width: int = POOL_WIDTH) -> Fused:
        _check(modalities)
        return fuse(modalities, width=width)

    return checked


def unit_rows(modality: Modality) -> Matrix:
    """Rows at unit length; zeros where the modality is absent or its vector is zero."""
    rows = np.ascontiguousarray(modality.matrix, np.float64)
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    kept = modality.present[:, None] & (lengths > 0)
    unit: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=kept).astype(np.float32)
    return unit


def projected(rows: Matrix, name: str, width: int) -> Matrix:
    """Rows of numbers within -1 and 1, brought to a width by fixed random signs, which keep inner products on average.

    Source: Achlioptas 2003, "Database-friendly random projections".
    """
    # A product of another shape may add in another order. Whole numbers have one sum in any order, so a row has the
    # same bits in every batch and on every machine.
    whole = np.rint(rows.astype(np.float64) * _STEPS)
    product: Matrix = (whole @ _signs(name, rows.shape[1], width) / (_STEPS * np.sqrt(width))).astype(np.float32)
    return product


def pooled_inputs(modalities: Mapping[str, Modality], width: int) -> dict[str, Matrix]:
    """Every modality at unit length and one width: (n_videos, width) each, zeros where it is absent."""
    return {name: projected(unit_rows(modality), name, width) for name, modality in modalities.items()}


def _signs(name: str, d_in: int, width: int) -> NDArray[np.float64]:
    """(d_in, width) of 1 and -1, from the bits of a hash: the same on every machine."""
    n_bits = d_in * width
    stream = hashlib.shake_256(f"{name}:{d_in}:{width}".encode()).digest((n_bits + 7) // 8)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8), count=n_bits)
    return 2 * bits.reshape(d_in, width).astype(np.float64) - 1


def _check(modalities: Mapping[str, Modality]) -> None:
    n_rows = {name: (len(modality.matrix), len(modality.present)) for name, modality in modalities.items()}
    if len({n for pair in n_rows.values() for n in pair}) != 1:
        raise InvalidInput(
            f"fusion needs at least one modality, each with a row and a mask for every video; got {n_rows}. "
            "Align them by video_id first."
        )
    for name, modality in modalities.items():
        if not np.isfinite(modality.matrix[modality.present]).all():
            raise InvalidInput(
                f"vectors must be finite; {name} has some that are not. Embed those videos again with a sound model."
            )
