"""What an upkeep does to the store: tables are replaced and files removed, one after the other, each step counted.

A step is noted in the store before it is made, so that whoever comes after a killed process ends what it had begun:
a table that was replaced is recorded as replaced, and files whose successors are there are removed.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.files import Stored
from vidrank_assets.storage import Storage
from vidrank_assets.upkeep.retention import Outcome

#: Told of each table or run folder that now holds other bytes than were recorded of it: where it lies, as the table
#: and the folder of its partition, nothing where it has none, or as the run's folder and nothing; what it is now; and
#: its rows, if it has any.
Replaced = Callable[[str, str, Stored, int | None], None]

FOLDER = "upkeep"
_REPLACING, _REMOVING = f"{FOLDER}/replacing.json", f"{FOLDER}/removing.json"


@dataclass(frozen=True)
class Swept:
    """What an upkeep did, by place: rows that went, rows that are described anew or no more, files that went.

    oldest: the oldest reading of the Data API that is left in each place.
    """

    removed: Mapping[str, int] = field(default_factory=dict)
    refreshed: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    oldest: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing had to be done."""
        return not (self.removed or self.refreshed or self.files)


class Changes:
    """Changes to a store. replaced: see `Replaced`. dry: count what would be done and do nothing."""

    def __init__(self, store: Storage, replaced: Replaced, *, dry: bool = False) -> None:
        self.store, self._replaced, self._dry = store, replaced, dry
        self._removed: Counter[str] = Counter()
        self._refreshed: Counter[str] = Counter()
        self._files: Counter[str] = Counter()

    def so_far(self) -> Swept:
        """What was done."""
        return Swept(+self._removed, +self._refreshed, +self._files)

    def finish_earlier(self) -> None:
        """End what a killed process had begun."""
        if self._dry:
            return
        if self.store.exists(_REPLACING):
            begun = json.loads(self.store.read(_REPLACING))
            content = self.store.read(begun["key"]) if self.store.exists(begun["key"]) else b""
            if hashlib.sha256(content).hexdigest() == begun["sha256"]:
                self._tell(begun["table"], begun["partition"], begun["rows"], content, begun["key"])
            remove(self.store, _REPLACING)
        if self.store.exists(_REMOVING):
            self._remove(json.loads(self.store.read(_REMOVING)))

    def table(self, table: str, partition: str, outcome: Outcome, *, moved: bool = False) -> None:
        """Put what is left of a partition in its place, if something is different, and tell of it.

        moved: the rows say of something where it lies, and that has changed.
        """
        self._count(table, outcome)
        if outcome.removed or outcome.refreshed or moved:
            key = key_of(table, partition)
            self._replace(key, parquet(outcome.rows), table=table, partition=partition, rows=outcome.rows.height)

    def unrecorded(self, place: str, key: str, outcome: Outcome, *, moved: bool = False) -> None:
        """The same for a table of which nothing is recorded but itself."""
        self._count(place, outcome)
        if (outcome.removed or outcome.refreshed or moved) and not self._dry:
            self.store.write_table(key, outcome.rows)

    def run_folder(self, folder: str, checksums: bytes) -> None:
        """Have a run's folder consist of other files than before."""
        self._replace(f"{folder}/checksums.json", checksums, table=folder, partition="", rows=None)

    def write(self, key: str, content: bytes) -> None:
        """A file that nothing refers to yet."""
        if not self._dry:
            self.store.write(key, content)

    def shard(
        self, prefix: str, video_ids: Sequence[str], matrix: NDArray[np.float32], blocks: Mapping[str, int]
    ) -> str:
        """A shard that nothing refers to yet; returns its key."""
        return "" if self._dry else self.store.write_shard(prefix, video_ids, matrix, blocks)

    def count(self, place: str, removed: int) -> None:
        """Count rows that went in another way."""
        self._removed[place] += removed

    def remove(self, place: str, keys: Iterable[str]) -> None:
        """Remove files that nothing refers to any more."""
        gone = sorted(set(keys))
        self._files[place] += len(gone)
        if gone and not self._dry:
            self.store.write(_REMOVING, json.dumps(gone).encode())
            self._remove(gone)

    def _count(self, place: str, outcome: Outcome) -> None:
        self._removed[place] += outcome.removed
        self._refreshed[place] += outcome.refreshed

    def _replace(self, key: str, content: bytes, *, table: str, partition: str, rows: int | None) -> None:
        if self._dry:
            return
        sha256 = hashlib.sha256(content).hexdigest()
        begun = {"key": key, "sha256": sha256, "table": table, "partition": partition, "rows": rows}
        self.store.write(_REPLACING, json.dumps(begun).encode())
        self.store.write(key, content)
        self._tell(table, partition, rows, content, key)
        remove(self.store, _REPLACING)

    def _tell(self, table: str, partition: str, rows: int | None, content: bytes, key: str) -> None:
        is_table = rows is not None
        stored = Stored(key, hashlib.sha256(content).hexdigest(), len(content))
        self._replaced(table, partition, stored if is_table else self.store.stored_artifact(table), rows)

    def _remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            remove(self.store, key)
        remove(self.store, _REMOVING)


def key_of(table: str, partition: str) -> str:
    """Where a partition of a table lies. partition: its folder; empty where the table has no partitions."""
    return "/".join(level for level in (table, partition, "data.parquet") if level)


def remove(store: Storage, key: str) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        (store.root / key).unlink()


def parquet(rows: pl.DataFrame) -> bytes:
    """A table as its file holds it."""
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
