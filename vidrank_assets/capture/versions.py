"""What titles and thumbnails were replaced with, and when: the history of a video's A and B."""

from hashlib import sha256

import polars as pl

from vidrank_assets.tables import VIDEO_VERSIONS

_OF = ("video_id", "part")


def new_versions(snapshots: pl.DataFrame, thumbnails: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Titles and pictures that differ from what the video had before: `tables.VIDEO_VERSIONS`, sorted by its key.

    snapshots: `video_id`, `captured_at`, `title`, `source`. thumbnails: the same with `content_hash` for `title`.
    known: versions seen before all of these, of which only the latest of each video and part counts.

    What comes back after something else is a version again. A capture without a title says nothing of it. Of two
    pictures first seen at the same moment, one is taken.
    """
    titles = _changes(snapshots, "title", "title")
    hashes = pl.Series("content_hash", [sha256(title.encode()).hexdigest() for title in titles["title"]], pl.String)
    pictures = _changes(thumbnails, "thumbnail", "content_hash")
    seen = pl.concat([titles.with_columns(hashes), pictures], how="diagonal")
    latest = latest_versions(known.lazy(), seen["video_id"]).select(*_OF, before="content_hash", number="version")
    compared = seen.join(latest, on=_OF, how="left").sort(VIDEO_VERSIONS.key)
    # Only the first of these captures can show what was there before; each other differs from the one before it.
    is_first = pl.int_range(pl.len()).over(_OF) == 0
    new = compared.filter(~(is_first & pl.col("content_hash").eq_missing(pl.col("before"))))
    version = pl.col("number").fill_null(0) + pl.int_range(1, pl.len() + 1).over(_OF)
    return new.with_columns(version=version).select(VIDEO_VERSIONS.schema.names())


def latest_versions(known: pl.LazyFrame, video_ids: pl.Series) -> pl.DataFrame:
    """The latest version of each part of some videos: `video_id`, `part`, `seen_at`, `version`, `content_hash`.

    known: `tables.VIDEO_VERSIONS` of any days; never held whole.
    """
    watched = pl.LazyFrame({"video_id": video_ids.unique()})
    of_each = known.join(watched, on="video_id", how="semi").group_by(_OF)
    latest = of_each.agg(pl.col("version", "content_hash").max_by("seen_at"), pl.col("seen_at").max())
    return latest.select(*_OF, "seen_at", "version", "content_hash").collect(engine="streaming")


def _changes(captures: pl.DataFrame, part: str, content: str) -> pl.DataFrame:
    """The captures that show something else than the capture of the video before, and the first of each video."""
    columns = ("video_id", pl.lit(part).alias("part"), pl.col("captured_at").alias("seen_at"), content, "source")
    seen = (
        captures.select(columns)
        .drop_nulls(content)
        .sort("video_id", "seen_at", content)
        .unique(["video_id", "seen_at"], keep="last", maintain_order=True)
    )
    before = pl.col("video_id", content).shift()
    return seen.filter(pl.any_horizontal(pl.col("video_id", content).ne_missing(before)))
