"""What an encoder is: frozen, it turns each item of one modality into one row of numbers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.catalog import ENCODERS, Modality
from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.settings import Settings

#: What is encoded: the bytes of a picture, a title, or the path of a media file.
Item = TypeVar("Item", bytes, str)
Row = NDArray[np.floating[Any]]


class Encoded(NamedTuple):
    """One row per item, and why some items have none.

    matrix: (n_items, dim) float32, finite; zeros in the rows of unreadable items.
    unreadable: the reason, a few words, by the item's index.
    """

    matrix: Matrix
    unreadable: Mapping[int, str]


def one_by_one(items: Sequence[Item], dim: int, row: Callable[[Item], Row | str]) -> Encoded:
    """Items that are encoded each by itself.

    row: the numbers of an item, (dim,), or the reason why it cannot be read.
    """
    matrix: Matrix = np.zeros((len(items), dim), np.float32)
    unreadable: dict[int, str] = {}
    for i, item in enumerate(items):
        found = row(item)
        if isinstance(found, str):
            unreadable[i] = found
        else:
            matrix[i] = found
    return Encoded(matrix, unreadable)


class Encoder(ABC, Generic[Item]):
    """A frozen encoder: row i depends on item i and on nothing else.

    revision: everything that changes the vectors. Another revision embeds every item anew.
    dim: the width of a row.
    """

    #: The catalog name, which is also the file's and the asset's.
    name: ClassVar[str]
    modality: ClassVar[Modality]
    #: How many items are encoded before they are stored: what a killed run loses at most.
    items_per_shard: ClassVar[int] = 1024

    revision: str
    dim: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The encoder as the environment configures it.

        Raises EncoderUnavailable: its weights or packages cannot be loaded.
        """
        return cls()

    @property
    def identity(self) -> str:
        """Name and revision, as the manifest's `encoder` column holds them."""
        return f"{self.name}@{self.revision}"

    def encode(self, items: Sequence[Item]) -> Encoded:
        """The rows of some items, in their order.

        Raises InvalidInput: the encoder gave another shape, or numbers that are not finite.
        """
        encoded = self._encode(items) if len(items) else Encoded(np.zeros((0, self.dim), np.float32), {})
        matrix = np.asarray(encoded.matrix, np.float32)
        if matrix.shape != (len(items), self.dim) or not np.isfinite(matrix).all():
            raise InvalidInput(
                f"an encoder must give one finite row of {self.dim} per item; {self.name} gave shape {matrix.shape} "
                f"with {int((~np.isfinite(matrix)).sum())} not finite for {len(items)} items. "
                "Check its weights; with bf16, try another model."
            )
        return Encoded(matrix, encoded.unreadable)

    @abstractmethod
    def _encode(self, items: Sequence[Item]) -> Encoded: ...


def load_encoder(name: str, settings: Settings) -> Encoder[Any]:
    """The encoder listed under `name`, as the settings configure it.

    Raises UnknownName: no such encoder. EncoderUnavailable: its weights or packages cannot be loaded.
    """
    kind: type[Encoder[Any]] = ENCODERS.load(name)
    return kind.from_settings(settings)
