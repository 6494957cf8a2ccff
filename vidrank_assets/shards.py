"""Shards: the vectors of many videos in one file, out of which some are read without the rest.

A shard is what `numpy.savez` writes, so `numpy.load` opens it anywhere: `vectors`, (n_videos, n_columns) float32,
`video_ids`, and the named blocks of columns as `block_names` and `block_widths`. Nothing in it is compressed: a vector
lies at a known place of the file and is copied once, from there to where it is wanted.

A file is read, not mapped into memory: one that is cut meanwhile is then an error, where a map would end the process.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from itertools import pairwise
from typing import Any, NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput

#: Rows wanted side by side, as they lie in the file, that are worth a reading of their own.
_LONG_RUN = 16
#: Bytes read at a time when rows are wanted in another order: these are then picked while the core's cache holds them.
_SPAN = 2**22
#: The part of a zip file's local header that says how long the name and the extra field after it are.
_LOCAL_HEADER = struct.Struct("<26xHH")


class Shard(NamedTuple):
    """The vectors of one file. matrix: (n_videos, n_columns); blocks: the width of each named block of columns."""

    video_ids: tuple[str, ...]
    matrix: NDArray[np.float32]
    blocks: Mapping[str, int]


def encoded(video_ids: Sequence[str], matrix: NDArray[np.float32], blocks: Mapping[str, int]) -> bytes:
    """The bytes of a shard; the same vectors are the same bytes.

    Raises InvalidInput: there is not one id a row, or the blocks are not as wide as the matrix.
    """
    if (len(video_ids), sum(blocks.values())) != matrix.shape:
        raise InvalidInput(
            f"a shard of vectors {matrix.shape} must have one id a row and blocks of {matrix.shape[-1]} columns in "
            f"all; it was given {len(video_ids)} ids and blocks {dict(blocks)}."
        )
    buffer = BytesIO()
    np.savez(
        buffer,
        vectors=np.ascontiguousarray(matrix, np.float32),
        video_ids=np.array(video_ids, dtype=np.str_),
        block_names=np.array(list(blocks), dtype=np.str_),
        block_widths=np.array(list(blocks.values()), dtype=np.int64),
    )
    return buffer.getvalue()


class ShardFile:
    """A shard that is open. shape: (n_videos, n_columns); name: what to call it in an error.

    Raises InvalidInput: the file is no shard as `encoded` makes them. Every method raises it too.
    """

    def __init__(self, file: BufferedIOBase, *, name: str) -> None:
        self._file, self._name = file, name
        with self._understood():
            self._archive = ZipFile(file)
            _insist(
                {ZIP_STORED}.issuperset(each.compress_type for each in self._archive.infolist()), "it is compressed"
            )
            self._start, self.shape = self._vectors_at()

    def blocks(self) -> dict[str, int]:
        """The width of each named block of columns, in their order."""
        with self._understood():
            names, widths = self._array("block_names").tolist(), self._array("block_widths").tolist()
            blocks = dict(zip(names, widths, strict=True))
            _insist(sum(blocks.values()) == self.shape[1], f"its blocks {blocks} do not make {self.shape[1]} columns")
        return blocks

    def read(self) -> Shard:
        """All of it."""
        with self._understood():
            video_ids = tuple(self._array("video_ids").tolist())
            _insist(len(video_ids) == self.shape[0], f"it has {len(video_ids)} ids for {self.shape[0]} vectors")
        matrix = np.empty(self.shape, np.float32)
        self._read_from(0, matrix)
        return Shard(video_ids, matrix, self.blocks())

    def read_rows(self, rows: NDArray[np.int64], *, into: NDArray[np.float32], at: NDArray[np.int64]) -> None:
        """Copy row `rows[i]` to `into[at[i]]`, for every i of one or more. into: (n, n_columns), C-contiguous."""
        n_videos, n_columns = self.shape
        if rows.min() < 0 or rows.max() >= n_videos or into.shape[1] != n_columns:
            raise InvalidInput(
                f"{self._name} holds {n_videos} vectors of {n_columns} columns; rows {rows.min()} to {rows.max()} of "
                f"{into.shape[1]} columns were asked for. Its manifest is another shard's: materialize both again."
            )
        starts = np.flatnonzero(np.append(True, (np.diff(rows) != 1) | (np.diff(at) != 1)))
        if len(rows) >= _LONG_RUN * len(starts):
            for start, stop in pairwise([*starts, len(rows)]):
                self._read_from(rows[start], into[at[start] : at[stop - 1] + 1])
        else:
            self._pick(rows, into, at)

    def _pick(self, rows: NDArray[np.int64], into: NDArray[np.float32], at: NDArray[np.int64]) -> None:
        """Read what lies between the rows as well, a span at a time, and copy the rows out of it."""
        n_columns = self.shape[1]
        n_together = max(1, _SPAN // max(1, 4 * n_columns))
        span = np.empty((n_together, n_columns), np.float32)
        order = np.argsort(rows, kind="stable")
        for near in np.split(order, np.flatnonzero(np.diff(rows[order] // n_together)) + 1):
            within = rows[near] - rows[near[0]]
            self._read_from(rows[near[0]], span[: within[-1] + 1])
            into[at[near]] = span[within]

    def _read_from(self, row: int, rows: NDArray[np.float32]) -> None:
        self._file.seek(self._start + int(row) * 4 * self.shape[1])
        if self._file.readinto(rows.data) != rows.nbytes:
            raise InvalidInput(f"{self._name} was cut while it was read; materialize the asset that writes it.")

    def _vectors_at(self) -> tuple[int, tuple[int, int]]:
        """Where in the file the first vector starts, and the shape of all."""
        member = self._archive.getinfo("vectors.npy")
        with self._archive.open(member) as array:
            _insist(npy.read_magic(array) == (1, 0), "its vectors are in another version of the .npy format")
            shape, fortran_order, dtype = npy.read_array_header_1_0(array)
            layout = f"{dtype} of shape {shape}, by {'column' if fortran_order else 'row'}"
            _insist((dtype.str, len(shape), fortran_order) == ("<f4", 2, False), f"its vectors are {layout}")
            n_videos, n_columns = shape
            header_size = array.tell()
        _insist(header_size + 4 * n_videos * n_columns == member.file_size, f"its vectors are not {layout}")
        self._file.seek(member.header_offset)
        sizes = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
        return member.header_offset + _LOCAL_HEADER.size + sum(sizes) + header_size, (n_videos, n_columns)

    def _array(self, name: str) -> NDArray[Any]:
        with self._archive.open(f"{name}.npy") as array:
            read: NDArray[Any] = npy.read_array(array, allow_pickle=False)
            return read

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Say of a file that zipfile or numpy stumble over what it is and what it must be."""
        try:
            yield
        except (BadZipFile, LookupError, ValueError, EOFError, RuntimeError, struct.error) as error:
            raise InvalidInput(
                f"{self._name} must be a shard as this package writes them: float32 vectors row by row, ids and "
                f"blocks, uncompressed; {error}. Materialize the asset that writes it, or import the foreign vectors."
            ) from None


def _insist(holds: bool, found: str) -> None:
    if not holds:
        raise ValueError(found)
