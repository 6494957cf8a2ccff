"""The owner's media files, found by the id of their video in a folder."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from vidrank_assets.errors import InvalidInput
from vidrank_assets.tables import MEDIA_FILES

#: What may hold sound or film; beside them lie subtitles, pictures and notes of the same name.
_FILM = (".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".flv", ".mpg", ".mpeg", ".ts")
_SOUND = (".m4a", ".mp3", ".aac", ".flac", ".ogg", ".opus", ".wav")
_SAME_FILE = ("path", "size_bytes", "modified_at")


def media_files(folder: Path, captured: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The files of some videos that are in the folder now: `tables.MEDIA_FILES`, sorted by its key.

    folder: holds files named `<video_id>.<extension>`; folders in it are not searched. captured: `video_id` and
    `captured_at`, whose every row gets those files. known: rows of `tables.MEDIA_FILES` made before; a file with the
    size and the time of change it had then is the same file, and is not read again for its hash.

    Raises InvalidInput: there is no such folder.
    """
    if not folder.is_dir():
        raise InvalidInput(
            f"VIDRANK_MEDIA must be a folder of files named <video_id>.<extension>; {folder} is none. "
            "Correct it, or leave it unset to do without sound and film."
        )
    listed = _listed(folder).join(captured, on="video_id", how="semi")
    hashes = known.select(*_SAME_FILE, "content_hash").unique(_SAME_FILE, keep="last", maintain_order=True)
    rows = listed.join(hashes, on=_SAME_FILE, how="left").sort("path")
    hashed = [known or _sha256(Path(path)) for path, known in rows.select("path", "content_hash").iter_rows()]
    there = rows.with_columns(pl.Series("content_hash", hashed, pl.String)).drop_nulls("content_hash")
    of_each = there.join(captured.select("video_id", "captured_at"), on="video_id")
    return MEDIA_FILES.checked(of_each).sort(MEDIA_FILES.key)


def _listed(folder: Path) -> pl.DataFrame:
    """Every media file of the folder, without its hash."""
    found = []
    for path in folder.resolve().iterdir():
        if path.suffix.lower() in (*_FILM, *_SOUND) and path.is_file():
            about = path.stat()
            # Whole microseconds, as tables hold time.
            changed = datetime.fromtimestamp(about.st_mtime_ns // 1_000_000_000, UTC)
            changed = changed.replace(microsecond=about.st_mtime_ns // 1_000 % 1_000_000)
            found.append((path.stem, str(path), about.st_size, changed))
    names = ("video_id", *_SAME_FILE)
    return pl.DataFrame(found, schema={name: MEDIA_FILES.schema[name] for name in names}, orient="row")


def _sha256(path: Path) -> str | None:
    """None for a file that has gone, or that may not be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
