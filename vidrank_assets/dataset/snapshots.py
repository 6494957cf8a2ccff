"""Tables of captures: the first of every video, and new captures beside those that are stored."""

import polars as pl

from vidrank_assets.errors import InvalidInput
from vidrank_assets.schema import Table
from vidrank_assets.tables import SNAPSHOTS

_SYNTHETIC = "sample"


def first_captures(snapshots: pl.LazyFrame) -> pl.DataFrame:
    """The earliest capture of every video: `tables.SNAPSHOTS`, one row per video, sorted by video_id.

    snapshots: `tables.SNAPSHOTS` of any days; scanned twice and never held whole.
    """
    earliest = snapshots.group_by("video_id").agg(pl.col("captured_at").min())
    rows = snapshots.select(SNAPSHOTS.schema.names()).join(earliest, on=list(SNAPSHOTS.key), how="semi")
    return rows.sort("video_id").collect(engine="streaming")


def merged(existing: pl.DataFrame, new: pl.DataFrame, table: Table = SNAPSHOTS) -> pl.DataFrame:
    """The rows of both, sorted by the table's key; of two with one key, the new one.

    existing, new: rows of `table`, which has a source. Where it has no key, as `tables.REJECTED_CAPTURES`, a row that
    is the same in every column is there once, and the order is that of arrival.

    Raises InvalidInput: the synthetic sample would be mixed with real captures.
    """
    synthetic = pl.concat([existing["source"], new["source"]]).unique() == _SYNTHETIC
    if synthetic.any() and not synthetic.all():
        raise InvalidInput(
            "captures in one store must be all of the synthetic sample or all real; the new ones would mix the two. "
            "Point VIDRANK_STORAGE (or DAGSTER_HOME, which holds the default store) at a place of their own."
        )
    rows = pl.concat([existing.select(table.schema.names()), new.select(table.schema.names())])
    if not table.key:
        return rows.unique(keep="first", maintain_order=True)
    return rows.unique(list(table.key), keep="last", maintain_order=True).sort(table.key)
