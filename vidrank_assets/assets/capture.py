"""Captures as daily partitions: counters, channels, thumbnails, and the rows that were set aside.

A range of days is one run. A run names its source: `sample`, `archive` with a folder and a mapping, or `youtube_api`,
which knows only today.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, cast

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.checks import conforming, schema_check
from vidrank_assets.assets.daily_table import daily_table
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, preview, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import ONE_RUN, by_day, folder_of
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.capture.base import Captures, Source
from vidrank_assets.catalog import SOURCES
from vidrank_assets.dataset.snapshots import merged
from vidrank_assets.errors import AlreadyStored, InvalidInput
from vidrank_assets.schema import Table
from vidrank_assets.settings import Settings, is_on_this_machine
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS, THUMBNAILS

#: A day without a capture is told after 26 hours and is a fault after 36.
_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))


#: A day is read, added to and written, so captures wait for one another.
_POOL = "capture"


class CaptureConfig(dg.Config):
    """Where the captures come from."""

    source: str = Field(Settings().source, description="a name in catalog.SOURCES")
    options: dict[str, str] = Field({}, description="what the source needs, e.g. folder and mapping of an archive")


_CAPTURED_ON = pl.col("captured_at").dt.date()


@lru_cache(maxsize=1)
def _opened(name: str, options: tuple[tuple[str, str], ...]) -> Source:
    return cast(Source, SOURCES.load(name)(**dict(options)))


def opened(name: str, options: Mapping[str, str]) -> Source:
    """The source, opened once for a command, all its runs and all their assets, so that an archive is parsed once."""
    return _opened(name, tuple(sorted(options.items())))


def _source(config: CaptureConfig, store: FolderStore) -> Source:
    if SOURCES.entries[config.source].live:
        return cast(Source, SOURCES.load(config.source)(store.open(), **config.options))
    return opened(config.source, config.options)


def _kind(config: CaptureConfig) -> bytes:
    if config.source == "sample":
        return b"synthetic"
    answered_here = SOURCES.entries[config.source].live and is_on_this_machine(Settings().youtube_endpoint)
    return b"a stand-in's, synthetic" if answered_here else b"real"


def _days(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]


def _keep_apart(store: FolderStore, config: CaptureConfig) -> None:
    """Refuse to put the synthetic sample and real captures into one store, whatever their days.

    Raises InvalidInput: the store was begun with the other kind.
    """
    opened_store, kind = store.open(), _kind(config)
    try:
        opened_store.write("captures_are", kind, once=True)
    except AlreadyStored:
        begun = opened_store.read("captures_are")
        if begun != kind:
            raise InvalidInput(
                f"captures in one store must be all of the synthetic sample or all real; {opened_store.uri('')} holds "
                f"{begun.decode()} ones, and these are {kind.decode()}. "
                "Point DAGSTER_HOME (or VIDRANK_STORAGE) at a place of its own."
            ) from None


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
    pool=_POOL,
    check_specs=[schema_check(SNAPSHOTS)],
    retry_policy=RETRIES,
)
@faults_are_final
def captured_videos(
    context: dg.AssetExecutionContext, config: CaptureConfig, store: dg.ResourceParam[FolderStore]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Counters and metadata of every watched video, and the rows that were set aside."""
    days = _days(context)
    _keep_apart(store, config)
    captured = _source(config, store).snapshots(days)
    rows, conforms = conforming(SNAPSHOTS, captured.rows)
    tables = _beside_earlier(store, SNAPSHOTS, _by_day(rows, days))
    _tell(context, SNAPSHOTS, tables, captured, videos=lambda day: day["video_id"].n_unique())
    yield dg.MaterializeResult(asset_key=SNAPSHOTS.name, value=tables, check_results=[conforms])

    rejected = REJECTED_CAPTURES.checked(captured.rejected)
    set_aside = _by_day(rejected, days, pl.coalesce("day", pl.lit(days[0])))
    tables = _beside_earlier(store, REJECTED_CAPTURES, set_aside)
    _tell(context, REJECTED_CAPTURES, tables, Captures(rejected), rejected=lambda day: day.height, by_reason=_by_reason)
    yield dg.MaterializeResult(asset_key=REJECTED_CAPTURES.name, value=tables)


@daily_table(CHANNEL_SNAPSHOTS, pool=_POOL)
@faults_are_final
def channel_snapshots(
    context: dg.AssetExecutionContext, config: CaptureConfig, store: dg.ResourceParam[FolderStore]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Subscribers, videos and views of every watched channel."""
    days = _days(context)
    _keep_apart(store, config)
    captured = _source(config, store).channel_snapshots(days)
    rows, conforms = conforming(CHANNEL_SNAPSHOTS, captured.rows)
    tables = _beside_earlier(store, CHANNEL_SNAPSHOTS, _by_day(rows, days))
    _tell(context, CHANNEL_SNAPSHOTS, tables, captured, channels=lambda day: day["channel_id"].n_unique())
    yield dg.MaterializeResult(value=tables, check_results=[conforms])


@daily_table(THUMBNAILS, pool=_POOL, deps=[SNAPSHOTS.name])
@faults_are_final
def thumbnails(
    context: dg.AssetExecutionContext, config: CaptureConfig, store: dg.ResourceParam[FolderStore]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Thumbnails first seen that day, as they came; those that could not be had are counted by reason."""
    days = _days(context)
    _keep_apart(store, config)
    captured = _source(config, store).thumbnails(days)
    rows, conforms = conforming(THUMBNAILS, captured.rows)
    tables = _beside_earlier(store, THUMBNAILS, _by_day(rows, days))
    _tell(context, THUMBNAILS, tables, captured, thumbnails=lambda day: day.height)
    yield dg.MaterializeResult(value=tables, check_results=[conforms])


def _tell(
    context: dg.AssetExecutionContext,
    table: Table,
    days: Mapping[str, pl.DataFrame],
    captured: Captures,
    **figures: Callable[[pl.DataFrame], Any],
) -> None:
    """Put the figures of each day, and its first rows, on that day's partition; a run may be of many days."""
    set_aside = {"set_aside": _by_reason(captured.rejected)} if captured.rejected.height else {}
    for day, rows in days.items():
        told = {name: figure(rows) for name, figure in figures.items()} | preview(rows, rows=3)
        context.add_asset_metadata({**told, **captured.told, **set_aside}, asset_key=table.name, partition_key=day)


def _by_reason(rejected: pl.DataFrame) -> dg.TableMetadataValue:
    return table_metadata(rejected.group_by("reason").len("rows").sort("rows", "reason", descending=[True, False]))


def _by_day(rows: pl.DataFrame, days: Sequence[date], day: pl.Expr = _CAPTURED_ON) -> Mapping[str, pl.DataFrame]:
    """The rows of each day, empty where there are none: a day that was asked for is never without a table."""
    parts = rows.with_columns(day.alias("_day")).partition_by("_day", as_dict=True, include_key=False)
    return {each.isoformat(): parts.get((each,), rows.clear()) for each in days}


def _beside_earlier(
    store: FolderStore, table: Table, captured: Mapping[str, pl.DataFrame]
) -> Mapping[str, pl.DataFrame]:
    """Each day's rows beside what earlier captures left there; of the sample world, in the place of what it left.

    Raises InvalidInput: the sample would mix with real captures.
    """
    opened = store.open()
    there = set(opened.keys(table.name, suffix=".parquet"))
    days = {}
    for day, rows in captured.items():
        key = f"{table.name}/{folder_of(by_day, day)}/data.parquet"
        earlier = opened.read_table(key) if key in there else table.empty()
        if "sample" in rows["source"]:
            earlier = earlier.filter(pl.col("source") != "sample")
        days[day] = merged(earlier, rows, table)
    return days
