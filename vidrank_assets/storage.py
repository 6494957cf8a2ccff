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
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import polars as pl
from numpy.typing import NDArray
from upath import UPath

from vidrank_assets.errors import AlreadyStored, ArtifactMissing, ChecksumMismatch

#: Shards read at a time: checksums use every core, and a bucket answers several requests at once.
_READERS = 4
_CHECKSUMS = "checksums.json"


class Stored(NamedTuple):
    """What was written: where, the SHA-256 of its bytes, and how many there are."""

    key: str
    sha256: str
    n_bytes: int


class Shard(NamedTuple):
    """The vectors of one file. matrix: (n_videos, n_columns); blocks: the width of each named block of columns."""

    video_ids: tuple[str, ...]
    matrix: NDArray[np.float32]
    blocks: Mapping[str, int]


class Storage:
    """Reads and writes below one root.

    s3_options: what `s3fs` needs to reach the bucket. scan_options: the same for Polars, which reads S3 by itself.
    """

    def __init__(
        self, root: str, *, s3_options: Mapping[str, Any] | None = None, scan_options: Mapping[str, str] | None = None
    ) -> None:
        self.root = UPath(root, **(s3_options or {}))
        self._scan_options = dict(scan_options or {})
        self._is_folder = isinstance(self.root, Path)

    # ── any file ──────────────────────────────────────────────────────────────────────────────────────────────────

    def uri(self, key: str) -> str:
        """Where the key lies, as a person or another program would name it."""
        return str(self.root / key)

    def exists(self, key: str) -> bool:
        """Whether a file is stored under the key."""
        return bool((self.root / key).is_file())

    def keys(self, prefix: str, *, suffix: str = "") -> list[str]:
        """The keys of all files below the prefix, sorted; unfinished writes of a killed process are none."""
        folder = self.root / prefix
        start = len(self.root.path.rstrip("/")) + 1
        keys = [str(path)[start:] for path in folder.fs.find(folder.path)] if folder.exists() else []
        return sorted(key for key in keys if key.endswith(suffix) and not key.endswith(".partial"))

    def write(self, key: str, content: bytes, *, once: bool = False) -> Stored:
        """Store bytes under the key, in the place of what was there.

        Raises AlreadyStored: `once` was asked for and something is there.
        """
        with self._staged(key) as file:
            file.write_bytes(content)
            return self._publish(file, key, once=once)

    def read(self, key: str, *, sha256: str | None = None) -> bytes:
        """The bytes under the key.

        Raises ArtifactMissing: nothing is there. ChecksumMismatch: `sha256` is given and is not theirs.
        """
        try:
            content: bytes = (self.root / key).read_bytes()
        except FileNotFoundError:
            raise self._missing(key) from None
        self._compare(key, hashlib.sha256(content).hexdigest(), sha256)
        return content

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

        The same vectors have the same key and are written once.
        """
        buffer = BytesIO()
        np.savez(
            buffer,
            vectors=np.ascontiguousarray(matrix, np.float32),
            video_ids=np.array(video_ids, dtype=np.str_),
            block_names=np.array(list(blocks), dtype=np.str_),
            block_widths=np.array(list(blocks.values()), dtype=np.int64),
        )
        content = buffer.getvalue()
        key = f"{prefix}/{hashlib.sha256(content).hexdigest()}.npz"
        if not self.exists(key):
            self.write(key, content)
        return key

    def read_shard(self, key: str) -> Shard:
        """The vectors under the key, checked against its name. Raises what `read` raises."""
        named = Path(key).stem
        with np.load(BytesIO(self.read(key, sha256=named)), allow_pickle=False) as arrays:
            blocks = dict(zip(arrays["block_names"].tolist(), arrays["block_widths"].tolist(), strict=True))
            return Shard(tuple(arrays["video_ids"].tolist()), arrays["vectors"], blocks)

    def gather(self, shard_keys: Sequence[str], shard_rows: Sequence[int]) -> NDArray[np.float32]:
        """Row `shard_rows[i]` of shard `shard_keys[i]`, for every i: (n, n_columns). Each shard is opened once."""
        wanted = pl.DataFrame({"key": shard_keys, "row": shard_rows}, schema={"key": pl.String, "row": pl.Int64})
        shards = wanted.with_row_index("place").partition_by("key", maintain_order=True)
        if not shards:
            return np.empty((0, 0), np.float32)
        first = self.read_shard(shards[0]["key"][0]).matrix
        gathered = np.empty((wanted.height, first.shape[1]), np.float32)
        gathered[shards[0]["place"].to_numpy()] = first[shards[0]["row"].to_numpy()]

        def fill(rows: pl.DataFrame) -> None:
            gathered[rows["place"].to_numpy()] = self.read_shard(rows["key"][0]).matrix[rows["row"].to_numpy()]

        with ThreadPoolExecutor(_READERS) as readers:
            list(readers.map(fill, shards[1:]))
        return gathered

    # ── artifacts ─────────────────────────────────────────────────────────────────────────────────────────────────

    def write_artifact(self, key: str, folder: Path) -> Stored:
        """Store a folder of files under the key, with the SHA-256 of each in its `checksums.json`.

        Raises AlreadyStored: an artifact is there; it stays as it is.
        """
        if self.exists(f"{key}/{_CHECKSUMS}"):
            raise self._taken(key)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        sums = {file.relative_to(folder).as_posix(): _sha256(file) for file in files}
        for name in sums:
            with self._staged(f"{key}/{name}") as staged:
                shutil.copyfile(folder / name, staged)
                self._publish(staged, f"{key}/{name}")
        # The list of files is written last: an artifact without it was never finished, and nothing reads it.
        listed = self.write(f"{key}/{_CHECKSUMS}", json.dumps(sums, indent=1).encode(), once=True)
        return Stored(key, listed.sha256, listed.n_bytes + sum(file.stat().st_size for file in files))

    @contextmanager
    def open_artifact(self, key: str, *, sha256: str | None = None) -> Iterator[Path]:
        """A local folder with the files, every one checked; sha256: that of its `checksums.json`.

        Raises ArtifactMissing: there is none, or a file of it is gone. ChecksumMismatch: a file was changed.
        """
        sums: dict[str, str] = json.loads(self.read(f"{key}/{_CHECKSUMS}", sha256=sha256))
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

    # ── how a file becomes visible ────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _staged(self, key: str) -> Iterator[Path]:
        """A file that no reader sees: a sibling in a folder, a temporary file for a bucket."""
        target = self.root / key
        if self._is_folder:
            target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(target.parent) if self._is_folder else Path(gettempdir())
        staged = beside / f".{target.name}.{uuid4().hex}.partial"
        try:
            yield staged
        finally:
            staged.unlink(missing_ok=True)

    def _publish(self, staged: Path, key: str, *, once: bool = False) -> Stored:
        """Make the file visible under its key in one step: a rename in a folder, one PUT in a bucket."""
        target = self.root / key
        stored = Stored(key, _sha256(staged), staged.stat().st_size)
        try:
            if not self._is_folder:
                target.fs.put_file(str(staged), target.path, mode="create" if once else "overwrite")
            else:
                _flush(staged)
                # A link fails where a rename would replace, so of two writers one wins.
                os.link(staged, target) if once else staged.replace(target)
                _flush(Path(target).parent)
        except OSError as error:
            raise self._taken(key) if _is_refused(error) else error from None
        return stored

    def _verify(self, key: str, sha256: str | None) -> None:
        if sha256 is None and self.exists(key):
            return  # nothing to compare it with
        try:
            with (self.root / key).open("rb") as file:
                self._compare(key, hashlib.file_digest(file, "sha256").hexdigest(), sha256)
        except FileNotFoundError:
            raise self._missing(key) from None

    def _compare(self, key: str, found: str, expected: str | None) -> None:
        if expected not in (None, found):
            raise ChecksumMismatch(
                f"{self.uri(key)} must hold the bytes that were recorded, SHA-256 {expected}; it holds {found}. "
                "It was changed, or its writer was stopped before it could say so: materialize it again."
            )

    def _missing(self, key: str) -> ArtifactMissing:
        return ArtifactMissing(f"{self.uri(key)} must exist before it is read; materialize the asset that writes it.")

    def _taken(self, key: str) -> AlreadyStored:
        return AlreadyStored(f"{self.uri(key)} is written once and is there already; write under another key.")


def _is_refused(error: OSError) -> bool:
    """Whether something is there already; some S3 servers say so in a way that s3fs does not know."""
    answer = getattr(error.__cause__, "response", {})
    return isinstance(error, FileExistsError) or answer.get("Error", {}).get("Code") == "PreconditionFailed"


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Have the disk itself hold what was written, so that a rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
