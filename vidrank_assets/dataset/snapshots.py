"""Tables of captures: the first of every video, and new captures beside those that are stored."""

import polars as pl

from vidrank_assets.errors import InvalidInput
from vidrank_assets.tables import SNAPSHOTS

_SYNTHETIC = "sample"


def first_captures(snapshots: pl.LazyFrame) -> pl.DataFrame:
    """The earliest capture of every video: `tables.SNAPSHOTS`, one row per video, sorted by video_id.

    snapshots: `tables.SNAPSHOTS` of any days; scanned twice and never held whole.
    """
    earliest = snapshots.group_by("video_id").agg(pl.col("captured_at").min())
    rows = snapshots.select(SNAPSHOTS.schema.names()).join(earliest, on=list(SNAPSHOTS.key), how="semi")
    return rows.sort("video_id").collect(engine="streaming")


def merged(existing: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The captures of both tables, sorted by video_id and captured_at; of a capture that is in both, the new row.

    existing, new: `tables.SNAPSHOTS`.

    Raises InvalidInput: the synthetic sample would be mixed with real captures.
    """
    synthetic = pl.concat([existing["source"], new["source"]]).unique() == _SYNTHETIC
    if synthetic.any() and not synthetic.all():
        raise InvalidInput(
            "captures in one store must be all of the synthetic sample or all real; the new ones would mix the two. "
            "Point VIDRANK_STORAGE (or DAGSTER_HOME, which holds the default store) at a place of their own."
        )
    rows = pl.concat([existing.select(SNAPSHOTS.schema.names()), new.select(SNAPSHOTS.schema.names())])
    return rows.unique(list(SNAPSHOTS.key), keep="last", maintain_order=True).sort(SNAPSHOTS.key)
