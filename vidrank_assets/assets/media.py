"""The owner's media files as daily partitions, from the folder that VIDRANK_MEDIA names."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from vidrank_assets.assets.checks import conforming
from vidrank_assets.assets.daily_table import daily_table
from vidrank_assets.assets.faults import faults_are_final
from vidrank_assets.assets.metadata import preview
from vidrank_assets.assets.partitions import by_day, folder_of
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.capture import media_files as owned
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage
from vidrank_assets.tables import MEDIA_FILES
from vidrank_assets.upkeep.live_source import holds_api_data

_DAY = pl.col("captured_at").dt.date()


@daily_table(MEDIA_FILES)
@faults_are_final
def media_files(
    context: dg.AssetExecutionContext, snapshots: pl.LazyFrame, store: dg.ResourceParam[FolderStore]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Films and sound of the videos that were captured that day, as they lie in the folder when this is made.

    A file that comes or changes later is in the days on which its video is captured from then on, and in this one
    when it is made again. A video without a file has no row, and is absent in sound and film.
    """
    days, folder = sorted(context.partition_keys), Settings().media
    of_api = holds_api_data(store.open())
    rows = _of_days(store.open(), snapshots, days, Path(folder)) if folder else MEDIA_FILES.empty()
    checked, conforms = conforming(MEDIA_FILES, rows)
    tables = {each: checked.filter(date.fromisoformat(each) == _DAY) for each in days}
    for each, of_day in tables.items():
        told = {"files": of_day.height, "size_bytes_of_files": int(of_day["size_bytes"].sum())}
        why = {} if folder else {"why_empty": "VIDRANK_MEDIA is not set"}
        context.add_asset_metadata({**told, **why, **preview(of_day, rows=3, of_api=of_api)}, partition_key=each)
    yield dg.MaterializeResult(value=tables, check_results=[conforms])


def _of_days(store: Storage, snapshots: pl.LazyFrame, days: list[str], folder: Path) -> pl.DataFrame:
    """The files of the videos that were captured on some days, on each of them at the first capture of the day."""
    first = snapshots.group_by("video_id", _DAY.alias("day")).agg(pl.col("captured_at").min()).collect()
    # A file that these days or the one before listed is not read again for its hash.
    until = f"{MEDIA_FILES.name}/{folder_of(by_day, days[-1])}/data.parquet"
    listed = [key for key in store.keys(MEDIA_FILES.name, suffix=".parquet") if key <= until]
    known = pl.concat([MEDIA_FILES.empty(), *(store.read_table(key) for key in listed[-len(days) - 1 :])])
    return owned.media_files(folder, first, known)
