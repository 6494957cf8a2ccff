"""The one place that touches a disk or a bucket.

Everything lies under one root, a folder or `s3://bucket/prefix`, at a key: its path below that root. Four kinds of
thing are stored, and each is there whole or not at all, whatever moment a process is killed at:

* tables     Parquet, one file a partition; written again, a table replaces the one before it
* shards     `.npz` files of vectors, named by their SHA-256 and written once
* artifacts  folders of files with a `checksums.json`, written once, checked before anything in them is opened
* pointers   numbered logs; only one writer can add the next entry, so a pointer is also a compare-and-swap
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.errors import ArtifactMissing, ChecksumMismatch, InvalidInput
from vidrank_assets.files import Files, Stored, sha256_of
from vidrank_assets.shards import Shard, ShardFile, encoded

#: Shards read at a time: checksums use every core, and a bucket answers several requests at once.
_READERS = 4
_CHECKSUMS = "checksums.json"


class Storage(Files):
    """Reads and writes below one root.

    s3_options: what `s3fs` needs to reach the bucket. scan_options: the same for Polars, which reads S3 by itself.
    """

    def __init__(
        self, root: str, *, s3_options: Mapping[str, Any] | None = None, scan_options: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(root, s3_options=s3_options)
        self._scan_options = dict(scan_options or {})

    # ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────

    def write_table(self, key: str, frame: pl.DataFrame | pl.LazyFrame) -> Stored:
        """Store a table as Parquet; a lazy one is streamed and never whole in memory."""
        with self._staged(key) as file:
            if isinstance(frame, pl.LazyFrame):
                frame.sink_parquet(file, compression="zstd")
            else:
                frame.write_parquet(file, compression="zstd")
            return self._publish(file, key)

    def read_table(self, key: str, *, sha256: str | None = None) -> pl.DataFrame:
        """The table under the key. Raises what `read` raises."""
        return pl.read_parquet(BytesIO(self.read(key, sha256=sha256)), hive_partitioning=False)

    def scan_tables(self, keys: Mapping[str, str | None]) -> pl.LazyFrame:
        """Some tables of one schema as one lazy frame, in the order given; the values are their SHA-256, if known.

        Raises what `read` raises.
        """
        with ThreadPoolExecutor(_READERS) as readers:
            list(readers.map(self._verify, keys, keys.values()))
        paths = [self.uri(key) for key in keys]
        return pl.scan_parquet(paths, storage_options=self._scan_options or None, hive_partitioning=False)

    # ── vectors ───────────────────────────────────────────────────────────────────────────────────────────────────

    def write_shard(
        self, prefix: str, video_ids: Sequence[str], matrix: NDArray[np.float32], blocks: Mapping[str, int]
    ) -> str:
        """Store vectors, (n_videos, n_columns), in a file named by its SHA-256, and return its key.

        The same vectors have the same key and are written once; what was damaged since is written again.
        Raises InvalidInput: there is not one id a row, or the blocks are not as wide as the matrix.
        """
        content = encoded(video_ids, matrix, blocks)
        sha256 = hashlib.sha256(content).hexdigest()
        key = f"{prefix}/{sha256}.npz"
        try:
            self._verify(key, sha256)
        except (ArtifactMissing, ChecksumMismatch):
            self.write(key, content)
        return key

    def read_shard(self, key: str) -> Shard:
        """The vectors under the key, checked against its name.

        Raises what `read` raises; InvalidInput: the file is no shard as `write_shard` makes them.
        """
        with self._open_shard(key) as shard:
            return shard.read()

    def shard_blocks(self, key: str) -> dict[str, int]:
        """The width of each named block of the shard's columns; no vector is read. Raises what `read_shard` raises."""
        with self._open_shard(key) as shard:
            return shard.blocks()

    def gather(
        self, shard_keys: Sequence[str] | pl.Series, shard_rows: Sequence[int] | pl.Series
    ) -> NDArray[np.float32]:
        """Row `shard_rows[i]` of shard `shard_keys[i]`, for every i: (n, n_columns). Each shard is opened once.

        Raises what `read_shard` raises; InvalidInput: a shard lacks the row, or is not as wide as the first.
        """
        wanted = pl.DataFrame({"key": shard_keys, "row": shard_rows}, schema={"key": pl.String, "row": pl.Int64})
        shards = wanted.with_row_index("place").partition_by("key", maintain_order=True)
        if not shards:
            return np.empty((0, 0), np.float32)

        def fill(rows: pl.DataFrame) -> None:
            with self._open_shard(rows["key"][0]) as shard:
                shard.read_rows(rows["row"].to_numpy(), into=gathered, at=rows["place"].to_numpy())

        with self._open_shard(shards[0]["key"][0]) as first, ThreadPoolExecutor(_READERS) as readers:
            gathered = np.empty((wanted.height, first.shape[1]), np.float32)
            others = readers.map(fill, shards[1:])
            first.read_rows(shards[0]["row"].to_numpy(), into=gathered, at=shards[0]["place"].to_numpy())
            list(others)
        return gathered

    @contextmanager
    def _open_shard(self, key: str) -> Iterator[ShardFile]:
        with self._opened(key, sha256=Path(key).stem) as file:
            yield ShardFile(file, name=self.uri(key))

    # ── artifacts ─────────────────────────────────────────────────────────────────────────────────────────────────

    def write_artifact(self, key: str, folder: Path) -> Stored:
        """Store a folder of files under the key, with the SHA-256 of each in its `checksums.json`.

        Raises AlreadyStored: an artifact is there; it stays as it is. In a bucket that holds only for writers who begin
        when the other has ended: of two at a time one may damage what the other stored, which a reader is told.
        """
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        sums = {file.relative_to(folder).as_posix(): sha256_of(file) for file in files}
        with self._alone(key):
            for name in sums:
                # Asked before every file: in a bucket another writer may have finished meanwhile.
                if self.exists(f"{key}/{_CHECKSUMS}"):
                    raise self._taken(key)
                with self._staged(f"{key}/{name}") as staged:
                    shutil.copyfile(folder / name, staged)
                    self._publish(staged, f"{key}/{name}")
            # The list of files is written last: an artifact without it was never finished, and nothing reads it.
            listed = self.write(f"{key}/{_CHECKSUMS}", json.dumps(sums, indent=1).encode(), once=True)
        return Stored(key, listed.sha256, listed.n_bytes + sum(file.stat().st_size for file in files))

    def stored_artifact(self, key: str) -> Stored:
        """What `write_artifact` returned for the artifact that is there.

        Raises ArtifactMissing: there is none, or a file of it is gone.
        """
        listed = self.read(f"{key}/{_CHECKSUMS}")
        n_bytes = sum(self._n_bytes(f"{key}/{name}") for name in json.loads(listed))
        return Stored(key, hashlib.sha256(listed).hexdigest(), len(listed) + n_bytes)

    def read_from_artifact(self, key: str, name: str) -> bytes:
        """One file of an artifact, checked. Raises what `open_artifact` raises."""
        sums = self._sums(key)
        if name not in sums:
            raise self._missing(f"{key}/{name}")
        return self.read(f"{key}/{name}", sha256=sums[name])

    @contextmanager
    def open_artifact(self, key: str, *, sha256: str | None = None) -> Iterator[Path]:
        """A local folder with the files, every one checked; sha256: that of its `checksums.json`.

        Raises ArtifactMissing: there is none, or a file of it is gone. ChecksumMismatch: a file was changed.
        InvalidInput: its `checksums.json` names a file that is not in the folder.
        """
        sums = self._sums(key, sha256=sha256)
        if self._is_folder:
            for name, expected in sums.items():
                self._verify(f"{key}/{name}", expected)
            yield Path(self.root / key)
            return
        with TemporaryDirectory() as local:
            for name, expected in sums.items():
                file = Path(local, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(self.read(f"{key}/{name}", sha256=expected))
            yield Path(local)

    def _sums(self, key: str, *, sha256: str | None = None) -> dict[str, str]:
        """The SHA-256 of each file of an artifact, by its path within it."""
        sums: dict[str, str] = json.loads(self.read(f"{key}/{_CHECKSUMS}", sha256=sha256))
        # Whoever can write to the bucket could otherwise have a reader write anywhere on its own machine.
        if outside := [name for name in sums if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]:
            raise InvalidInput(
                f"{self.uri(key)}/{_CHECKSUMS} must name files of its own folder; it names {', '.join(outside)}. "
                "Somebody else wrote it: delete the folder and materialize it again."
            )
        return sums

    # ── pointers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def append_pointer(self, name: str, value: Mapping[str, Any], *, after: int) -> int:
        """Add the entry that follows number `after` (0 for the first) and return its number.

        Raises AlreadyStored: somebody else has added it; read the pointer again and decide anew.
        """
        self.write(f"{name}/{after + 1:06d}.json", json.dumps(value, indent=1).encode(), once=True)
        return after + 1

    def pointer_log(self, name: str) -> list[dict[str, Any]]:
        """Every entry of the pointer, oldest first: the last is what it points to, and there may be none."""
        return [json.loads(self.read(key)) for key in self.keys(name, suffix=".json")]
