"""New titles and thumbnails as daily partitions: what a video showed before and after, and since when."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from vidrank_assets.assets.checks import conforming
from vidrank_assets.assets.daily_table import daily_table
from vidrank_assets.assets.faults import faults_are_final
from vidrank_assets.assets.metadata import preview
from vidrank_assets.assets.partitions import by_day, folder_of
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.capture.versions import latest_versions, new_versions
from vidrank_assets.storage import Storage
from vidrank_assets.tables import THUMBNAILS, VIDEO_VERSIONS

_DAY = pl.col("seen_at").dt.date()
_TITLE, _THUMBNAIL = pl.col("part") == "title", pl.col("part") == "thumbnail"
_FIRST = pl.col("version") == 1


@daily_table(VIDEO_VERSIONS, ins={THUMBNAILS.name: dg.AssetIn(metadata={"optional": True})})
@faults_are_final
def video_versions(
    context: dg.AssetExecutionContext,
    snapshots: pl.LazyFrame,
    thumbnails: pl.LazyFrame,
    store: dg.ResourceParam[FolderStore],
) -> Iterator[dg.MaterializeResult[Any]]:
    """Titles and thumbnails that were new that day: the first of each video, and what replaced it.

    A day is compared with the days before it that are stored: after an earlier one is made again, make it again too.
    """
    days = sorted(context.partition_keys)
    titles = snapshots.select("video_id", "captured_at", "title", "source").collect()
    pictures = thumbnails.select("video_id", "captured_at", "content_hash", "source").collect()
    known = _before(store.open(), days[0], pl.concat([titles["video_id"], pictures["video_id"]]))
    checked, conforms = conforming(VIDEO_VERSIONS, new_versions(titles, pictures, known))
    tables = {each: checked.filter(date.fromisoformat(each) == _DAY) for each in days}
    for each, of_day in tables.items():
        told = {
            "titles_changed": of_day.filter(_TITLE & ~_FIRST).height,
            "thumbnails_changed": of_day.filter(_THUMBNAIL & ~_FIRST).height,
            "new_videos": of_day.filter(_TITLE & _FIRST).height,
        }
        context.add_asset_metadata({**told, **preview(of_day, rows=3)}, partition_key=each)
    yield dg.MaterializeResult(value=tables, check_results=[conforms])


def _before(store: Storage, day: str, video_ids: pl.Series) -> pl.DataFrame:
    """The latest versions of some videos that days before one of them hold."""
    until = f"{VIDEO_VERSIONS.name}/{folder_of(by_day, day)}/"
    earlier = [key for key in store.keys(VIDEO_VERSIONS.name, suffix=".parquet") if key < until]
    if not earlier:
        return latest_versions(VIDEO_VERSIONS.empty().lazy(), video_ids)
    return latest_versions(store.scan_tables(dict.fromkeys(earlier)), video_ids)
