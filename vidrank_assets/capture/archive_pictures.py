"""Thumbnails that lie beside the captures of an archive."""

import logging
from pathlib import Path

import polars as pl

from vidrank_assets.capture.picture_rules import Picture, checked_picture
from vidrank_assets.tables import THUMBNAILS

_log = logging.getLogger(__name__)
_LEFT_OUT = "a thumbnail must be a whole JPEG, PNG or WebP of at most 8 MB and 16 MP; %s is left out: %s"


def pictures(videos: pl.DataFrame, folder: Path, pattern: str) -> pl.DataFrame:
    """The pictures there are of some videos: `tables.THUMBNAILS`, in the order of the videos.

    videos: video_id, captured_at (when first seen), source. pattern: the path below the folder, with `{video_id}`.
    A picture that is too large, damaged, or no JPEG, PNG or WebP, is left out and named in the log.
    """
    rows = []
    for video_id, captured_at, source in videos.select("video_id", "captured_at", "source").iter_rows():
        path = folder / pattern.replace("{video_id}", video_id)
        if not path.is_file():
            continue
        found = checked_picture(path.read_bytes())
        if not isinstance(found, Picture):
            _log.warning(_LEFT_OUT, path, found)
            continue
        rows.append((video_id, found.content_hash, captured_at, found.image, found.width, found.height, source))
    return pl.DataFrame(rows, schema=THUMBNAILS.schema, orient="row")
