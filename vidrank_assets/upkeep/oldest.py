"""How old the oldest reading of the Data API is that is left, place by place."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time

import polars as pl

from vidrank_assets.capture.remembered import THUMBNAIL_CHECKS, VIDEO_CATALOGUE
from vidrank_assets.storage import Storage
from vidrank_assets.tables import API, TABLES
from vidrank_assets.upkeep import live_source, places, run_folders

#: When the rows of each table were read.
_READ_AT: Mapping[str, str] = {
    "snapshots": "captured_at",
    "channel_snapshots": "captured_at",
    "rejected_captures": "day",
    "thumbnails": "captured_at",
    "thumbnail_scores": "captured_at",
    "video_versions": "seen_at",
    "horizon_targets": "first_captured_at",
}


def oldest_api_datum(store: Storage) -> dict[str, datetime]:
    """When the oldest reading was made that each place holds; a place without any is not named.

    A picture or a version that is older than the terms allow was confirmed since; one's own channels stay.
    """
    found: dict[str, datetime] = {}
    for place, moment in _moments(store):
        if moment is not None:
            found[place] = min(moment, found.get(place, moment))
    return dict(sorted(found.items()))


def _moments(store: Storage) -> Iterator[tuple[str, datetime | None]]:
    for table, read_at in _READ_AT.items():
        for rows in places.columns_of(store, TABLES[table], ["source", read_at]):
            first = rows.filter(source=API)[read_at].drop_nulls().sort().head(1).to_list()
            yield table, _instant(first[0]) if first else None
    for folder, table_of, read_at in (
        (live_source.CATALOGUES, VIDEO_CATALOGUE, "described_at"),
        (live_source.CHECKS, THUMBNAIL_CHECKS, "checked_at"),
    ):
        rows = live_source.remembered(store, folder, table_of)
        yield folder, rows.select(pl.col(read_at).min()).item()
    for folder, sums in run_folders.folders(store):
        if run_folders.is_whole(sums):
            yield run_folders.PLACE, run_folders.oldest_capture(store, folder)


def _instant(moment: object) -> datetime | None:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time(), UTC)  # type: ignore[arg-type]
