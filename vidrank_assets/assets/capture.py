"""Captures as daily partitions: counters, channels, thumbnails, and the rows that were set aside.

A range of days is one run. A run names its source: `sample`, or `archive` with a folder and a mapping.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, cast

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.metadata import OWNER, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import ONE_RUN, by_day, folder_of
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.capture.base import Source
from vidrank_assets.catalog import SOURCES
from vidrank_assets.dataset.snapshots import merged
from vidrank_assets.settings import Settings
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS, THUMBNAILS

#: A day without a capture is told after 26 hours and is a fault after 36.
_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))


class CaptureConfig(dg.Config):
    """Where the captures come from."""

    source: str = Field(Settings().source, description="a name in catalog.SOURCES")
    options: dict[str, str] = Field({}, description="what the source needs, e.g. folder and mapping of an archive")


@lru_cache(maxsize=1)
def _opened(name: str, options: tuple[tuple[str, str], ...]) -> Source:
    return cast(Source, SOURCES.load(name)(**dict(options)))


def opened(name: str, options: Mapping[str, str]) -> Source:
    """The source, opened once for a command, all its runs and all their assets, so that an archive is parsed once."""
    return _opened(name, tuple(sorted(options.items())))


def _source(config: CaptureConfig) -> Source:
    return opened(config.source, config.options)


def _days(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]


@dg.multi_asset(
    outs={
        table.name: dg.AssetOut(
            io_manager_key="tables",
            group_name="capture",
            kinds={"polars", "parquet"},
            owners=[OWNER],
            metadata=schema_metadata(table),
            description=description,
            freshness_policy=_FRESH if table is SNAPSHOTS else None,
        )
        for table, description in (
            (SNAPSHOTS, "Counters and metadata of every watched video."),
            (REJECTED_CAPTURES, "Rows that were set aside, each with its reason."),
        )
    },
    partitions_def=by_day,
    backfill_policy=ONE_RUN,
)
def captured_videos(
    context: dg.AssetExecutionContext, config: CaptureConfig, store: dg.ResourceParam[FolderStore]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Counters and metadata of every watched video, and the rows that were set aside.

    Real captures add to what a day has already; the sample world replaces what it wrote before.
    """
    days = _days(context)
    rows, rejected = _source(config).snapshots(days)
    earlier = _stored(context, store)
    tables = {
        day: SNAPSHOTS.checked(merged(earlier.get(day, SNAPSHOTS.empty()), new))
        for day, new in _by_day(rows, days, pl.col("captured_at").dt.date()).items()
    }
    yield dg.MaterializeResult(
        asset_key="snapshots",
        value=tables,
        metadata={"videos": rows["video_id"].n_unique(), "source": config.source, "preview": table_metadata(rows)},
    )
    first = pl.coalesce("day", pl.lit(days[0]))
    reasons = rejected.group_by("reason").len("rows").sort("rows", descending=True)
    yield dg.MaterializeResult(
        asset_key="rejected_captures",
        value=_by_day(REJECTED_CAPTURES.checked(rejected), days, first),
        metadata={"rejected": rejected.height, "by_reason": table_metadata(reasons), "rows": table_metadata(rejected)},
    )


@dg.asset(
    group_name="capture",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(CHANNEL_SNAPSHOTS),
    partitions_def=by_day,
    backfill_policy=ONE_RUN,
    io_manager_key="tables",
)
def channel_snapshots(context: dg.AssetExecutionContext, config: CaptureConfig) -> dg.MaterializeResult[Any]:
    """Subscribers, videos and views of every watched channel."""
    days = _days(context)
    rows = CHANNEL_SNAPSHOTS.checked(_source(config).channel_snapshots(days))
    return dg.MaterializeResult(
        value=_by_day(rows, days, pl.col("captured_at").dt.date()),
        metadata={"channels": rows["channel_id"].n_unique(), "preview": table_metadata(rows)},
    )


@dg.asset(
    group_name="capture",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(THUMBNAILS),
    partitions_def=by_day,
    backfill_policy=ONE_RUN,
    io_manager_key="tables",
)
def thumbnails(context: dg.AssetExecutionContext, config: CaptureConfig) -> dg.MaterializeResult[Any]:
    """Thumbnails first seen that day, as they came."""
    days = _days(context)
    rows = THUMBNAILS.checked(_source(config).thumbnails(days))
    return dg.MaterializeResult(
        value=_by_day(rows, days, pl.col("captured_at").dt.date()),
        metadata={"thumbnails": rows.height, "preview": table_metadata(rows)},
    )


def _stored(context: dg.AssetExecutionContext, store: FolderStore) -> dict[str, pl.DataFrame]:
    """What earlier real captures left in the days of this run."""
    opened = store.open()
    keys = {day: f"snapshots/{folder_of(by_day, day)}/data.parquet" for day in context.partition_keys}
    there = set(opened.keys("snapshots", suffix=".parquet"))
    real = pl.col("source") != "sample"
    return {day: opened.read_table(key).filter(real) for day, key in keys.items() if key in there}


def _by_day(rows: pl.DataFrame, days: Sequence[date], day: pl.Expr) -> Mapping[str, pl.DataFrame]:
    """The rows of each day, empty where there are none: a day that was asked for is never without a table."""
    parts = rows.with_columns(day.alias("_day")).partition_by("_day", as_dict=True, include_key=False)
    return {each.isoformat(): parts.get((each,), rows.clear()) for each in days}
