"""Files under one root, a folder or `s3://bucket/prefix`, each there whole or not at all.

A file lies at a key: its path below the root. It is written where no reader looks and made visible in one step, so
whatever moment a process is killed at, a reader sees the file that was there before or the new one.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from io import BufferedIOBase, BufferedReader, BytesIO
from pathlib import Path
from tempfile import gettempdir
from typing import Any, NamedTuple
from uuid import uuid4

from upath import UPath

from vidrank_assets.errors import AlreadyStored, ArtifactMissing, ChecksumMismatch

#: The names that `_staged` gives to files nobody may see yet, and how long ago their writer must have been killed.
_STAGED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.partial")
_ABANDONED = timedelta(days=1)


class Stored(NamedTuple):
    """What was written: where, the SHA-256 of its bytes, and how many there are."""

    key: str
    sha256: str
    n_bytes: int


class Files:
    """Reads and writes below one root. s3_options: what `s3fs` needs to reach the bucket."""

    def __init__(self, root: str, *, s3_options: Mapping[str, Any] | None = None) -> None:
        self.root = UPath(root, **(s3_options or {}))
        self._is_folder = isinstance(self.root, Path)

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

    def sweep(self, *, now: datetime) -> list[str]:
        """Remove what killed processes were writing more than a day ago, and return the keys it would have had.

        A file that is being written has just changed, so it stays. A bucket never holds unfinished files.
        """
        removed, before = [], (now - _ABANDONED).timestamp()
        for file in Path(self.root).rglob(".*.partial") if self._is_folder else []:
            unfinished = _STAGED.fullmatch(file.name)
            with suppress(FileNotFoundError):  # its writer has just finished
                if unfinished and file.stat().st_mtime < before:
                    file.unlink()
                    removed.append(file.relative_to(self.root).with_name(unfinished["name"]).as_posix())
        return sorted(removed)

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

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Whoever else on this machine wants to be alone in this folder waits; when a process is killed it has left.

        A bucket knows no locks.
        """
        if not self._is_folder:
            yield
            return
        folder = Path(self.root / key)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _publish(self, staged: Path, key: str, *, once: bool = False) -> Stored:
        """Make the file visible under its key in one step: a rename in a folder, one PUT in a bucket."""
        target = self.root / key
        stored = Stored(key, sha256_of(staged), staged.stat().st_size)
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

    @contextmanager
    def _opened(self, key: str, *, sha256: str) -> Iterator[BufferedIOBase]:
        """The file under the key, to be read in parts. Raises what `read` raises.

        In a folder its checksum is computed once a process, until the file is another or was touched; what comes out
        of a bucket is fetched, and compared, as a whole.
        """
        if not self._is_folder:
            yield BytesIO(self.read(key, sha256=sha256))
            return
        if not self.exists(key):
            raise self._missing(key)
        with Path(self.root / key).open("rb") as file:
            self._compare(key, _sha256_once(file), sha256)
            yield file

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

    def _n_bytes(self, key: str) -> int:
        try:
            return int((self.root / key).stat().st_size)
        except FileNotFoundError:
            raise self._missing(key) from None

    def _missing(self, key: str) -> ArtifactMissing:
        return ArtifactMissing(f"{self.uri(key)} must exist before it is read; materialize the asset that writes it.")

    def _taken(self, key: str) -> AlreadyStored:
        return AlreadyStored(
            f"{self.uri(key)} is written once and is there already. Launch a new run, or write under another key."
        )


def _is_refused(error: OSError) -> bool:
    """Whether something is there already; some S3 servers say so in a way that s3fs does not know."""
    answer = getattr(error.__cause__, "response", {})
    return isinstance(error, FileExistsError) or answer.get("Error", {}).get("Code") == "PreconditionFailed"


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


#: The SHA-256 of files that were read before, by what the file system says of each; any write to one changes that.
_KNOWN: dict[tuple[int, ...], str] = {}


def _sha256_once(file: BufferedReader) -> str:
    now = os.fstat(file.fileno())
    identity = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
    if identity not in _KNOWN:
        _KNOWN[identity] = hashlib.file_digest(file, "sha256").hexdigest()
    return _KNOWN[identity]


def _flush(path: Path) -> None:
    """Have the disk itself hold what was written, so that a rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
