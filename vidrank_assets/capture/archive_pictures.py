"""Thumbnails that lie beside the captures of an archive."""

import logging
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import polars as pl

from vidrank_assets.tables import THUMBNAILS

_log = logging.getLogger(__name__)

#: What is fetched from YouTube may be no larger, and neither may this.
_MAX_BYTES = 8 * 2**20
_MAX_PIXELS = 16_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")


def pictures(videos: pl.DataFrame, folder: Path, pattern: str) -> pl.DataFrame:
    """The pictures there are of some videos: `tables.THUMBNAILS`, in the order of the videos.

    videos: video_id, captured_at (when first seen), source. pattern: the path below the folder, with `{video_id}`.
    A picture that is too large, or no JPEG, PNG or WebP, is left out and named in the log.
    """
    rows = []
    for video_id, captured_at, source in videos.select("video_id", "captured_at", "source").iter_rows():
        path = folder / pattern.replace("{video_id}", video_id)
        if not path.is_file():
            continue
        image = path.read_bytes()
        if (size := _size(image)) is None:
            _log.warning("a thumbnail must be a JPEG, PNG or WebP of at most 8 MB and 16 MP; %s is left out", path)
            continue
        rows.append((video_id, sha256(image).hexdigest(), captured_at, image, *size, source))
    return pl.DataFrame(rows, schema=THUMBNAILS.schema, orient="row")


def _size(image: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; null where it is no picture that may be used."""
    from PIL import Image, UnidentifiedImageError

    if len(image) > _MAX_BYTES:
        return None
    try:
        with Image.open(BytesIO(image), formats=_FORMATS) as opened:
            width, height = opened.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None
    return (width, height) if width * height <= _MAX_PIXELS else None
