"""What is done to the store while nobody looks: what the Data API said goes when its time is up."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.io_managers import latest_metadata
from vidrank_assets.assets.metadata import OWNER
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.errors import InvalidInput
from vidrank_assets.files import Stored
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage
from vidrank_assets.upkeep import run_folders
from vidrank_assets.upkeep.changes import Replaced, Swept
from vidrank_assets.upkeep.forget import forget
from vidrank_assets.upkeep.oldest import oldest_api_datum
from vidrank_assets.upkeep.retention import DAYS, Retention
from vidrank_assets.upkeep.sweep import expired, sweep

NO_EXPIRED = dg.AssetCheckSpec(
    "no_expired_api_data",
    asset="retention_sweep",
    description=f"Nothing of the Data API is kept longer than VIDRANK_RETENTION allows: {DAYS} days by default.",
)

#: A capture reads a day, adds to it and writes it: nothing else may rewrite it meanwhile.
_POOL = "capture"
_DATA_VERSION = "dagster/data_version"


@dg.asset(
    group_name="upkeep",
    kinds={"parquet"},
    owners=[OWNER],
    pool=_POOL,
    check_specs=[NO_EXPIRED],
    retry_policy=RETRIES,
)
@faults_are_final
def retention_sweep(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[FolderStore]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Removes or refreshes what the Data API said and what may be kept no longer, wherever it was copied to."""
    opened, retention, now = store.open(), retention_of(Settings()), datetime.now(UTC)
    swept = sweep(opened, retention, now=now, replaced=recorder(context.instance, opened))
    oldest = oldest_api_datum(opened)
    for place, rows in swept.removed.items():
        context.log.info(f"{place}: {rows} expired rows removed")
    yield dg.MaterializeResult(
        metadata={
            "mode": retention.mode,
            "removed_rows": dg.MetadataValue.json(dict(swept.removed)),
            "refreshed_rows": dg.MetadataValue.json(dict(swept.refreshed)),
            "removed_files": dg.MetadataValue.json(dict(swept.files)),
            "oldest_api_datum": dg.MetadataValue.json({place: at.isoformat() for place, at in oldest.items()}),
            **({"oldest_api_datum_at": dg.MetadataValue.timestamp(min(oldest.values()))} if oldest else {}),
        },
        check_results=[nothing_expired(expired(opened, retention, now=now))],
    )


def retention_of(settings: Settings) -> Retention:
    """What the settings say of it."""
    return Retention(settings.retention, settings.own_channels, settings.audited_days)


def nothing_expired(left: Swept) -> dg.AssetCheckResult:
    """Whether a sweep has left nothing to sweep: an error names the places, and the way out."""
    places = Counter(left.removed) + Counter(left.refreshed) + Counter(left.files)
    named = ", ".join(f"{place} ({n})" for place, n in sorted(places.items()))
    said = (
        f"Expired API data is left in {named}. Materialize retention_sweep again while no capture, fusion or training "
        "runs; if it stays, remove the partitions that the places name and materialize them again."
    )
    return dg.AssetCheckResult(
        check_name=NO_EXPIRED.name,
        asset_key=NO_EXPIRED.asset_key,
        passed=left.is_nothing,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"left": dg.MetadataValue.json(dict(places))},
        description="Nothing that is left has expired." if left.is_nothing else said,
    )


def forget_channel(instance: dg.DagsterInstance, store: Storage, channel_id: str) -> Swept:
    """Remove a channel and its videos from the store, and record what was replaced.

    A channel that the watch list names is captured again: take it out of there first.
    Raises InvalidInput: a capture or a sweep is running.
    """
    if instance.event_log_storage.get_concurrency_info(_POOL).claimed_slots:
        raise InvalidInput(
            "a channel is forgotten while nothing is captured or swept; a run holds the pool "
            f"{_POOL}. Run vidrank forget again when it has ended."
        )
    return forget(store, channel_id, now=datetime.now(UTC), replaced=recorder(instance, store))


def recorder(instance: dg.DagsterInstance, store: Storage) -> Replaced:
    """Records what a table or a run's folder is now, under the names that the IO managers read.

    It is an observation: a materialization would tell the freshness policy of `snapshots` that there was a capture.
    What was never materialized, or has been materialized elsewhere since, is not recorded.
    """

    def replaced(table: str, partition: str, stored: Stored, rows: int | None) -> None:
        asset_key, partition_key = _asset_of(table, partition)
        latest = latest_metadata(instance, asset_key, [partition_key]).get(partition_key)
        if latest is None or latest.get("artifact", stored.key) != stored.key:
            return
        counted = {} if rows is None else {"dagster/row_count": rows}
        instance.report_runless_asset_event(
            dg.AssetObservation(
                asset_key,
                description="Rewritten by an upkeep: what has expired, or is to be forgotten, is gone.",
                partition=partition_key or None,
                metadata={
                    "dagster/uri": store.uri(stored.key),
                    "sha256": stored.sha256,
                    "size_bytes": stored.n_bytes,
                    **counted,
                },
                tags={_DATA_VERSION: stored.sha256},
            )
        )

    return replaced


def _asset_of(table: str, partition: str) -> tuple[dg.AssetKey, str]:
    """The asset and its partition, empty without one: a table's, or that of the folder of a run.

    Such a folder is `models/snapshots/run_id=…/[model=…/]…`.
    """
    folder = table if table.startswith(f"{run_folders.PLACE}/") else partition
    keys = dict(level.split("=", 1) for level in folder.split("/") if "=" in level)
    if folder is partition:
        asset_key = dg.AssetKey(table)
    else:
        asset_key = dg.AssetKey(["models", keys["model"]] if "model" in keys else ["model_snapshot"])
    if "horizon" in keys and "strategy" in keys:
        return asset_key, dg.MultiPartitionKey({"strategy": keys["strategy"], "horizon": keys["horizon"]})
    return asset_key, "".join(keys.values())


sweep_daily = dg.define_asset_job(
    "sweep_daily",
    dg.AssetSelection.assets("retention_sweep"),
    description="Removes or refreshes the API data whose time is up.",
)
#: Soon after midnight: what was read on a day has then been kept for 30 days and minutes at most. It is on from the
#: start, because the terms of the Data API ask for it; where nothing is of the API it does nothing.
daily_sweep = dg.ScheduleDefinition(
    name="daily_sweep",
    job=sweep_daily,
    cron_schedule="15 0 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sweeps expired API data at 00:15 UTC.",
)
