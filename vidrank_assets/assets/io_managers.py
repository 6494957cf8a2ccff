"""How assets reach the store: what is written where, and that what is read is what was written.

A partition lies in a hive-style folder, `horizon_targets/horizon=7d/`. Its SHA-256 is in the metadata of its
materialization and is the asset's data version; a read compares with it. These are plain IO managers and not children
of `UPathIOManager`, because every part of that class would be overridden: paths, loading, several partitions, writing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, Self

import dagster as dg
import polars as pl

from vidrank_assets.assets.faults import faults_are_final
from vidrank_assets.assets.partitions import folder_of
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.run_id import run_id_of
from vidrank_assets.errors import AlreadyStored, ArtifactMissing
from vidrank_assets.files import Stored
from vidrank_assets.recorded import SNAPSHOTS
from vidrank_assets.storage import Storage
from vidrank_assets.tables import TABLES

_UNPARTITIONED = ""
_CONFIG = "config_used.json"


class Tables(dg.ConfigurableIOManager):
    """Tables as Parquet, at `<asset>/<partition>/data.parquet`.

    An asset returns a Polars frame, lazy or not; a run over several partitions returns one for each, by key.
    An input's annotation decides what it is given: `pl.LazyFrame`, `pl.DataFrame`, `pd.DataFrame` or `pa.Table`.
    Several partitions come as one frame of those that were materialized; an input whose metadata says `optional`
    gets an empty table when there are none.
    """

    store: dg.ResourceDependency[FolderStore]

    @faults_are_final
    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store the partition, or each of several, and say what was stored."""
        store = self.store.open()
        frames = obj if isinstance(obj, Mapping) else {_one_partition(context): obj}
        _record(context, {partition: _write(store, context, partition, frame) for partition, frame in frames.items()})

    @faults_are_final
    def load_input(self, context: dg.InputContext) -> Any:
        """Read the partitions that are asked for, each compared with what was recorded of it.

        Raises ArtifactMissing: none was materialized. ChecksumMismatch: one holds other bytes than were recorded.
        """
        store, wanted = self.store.open(), _keys(context)
        there = set(store.keys("/".join(context.asset_key.path), suffix=".parquet"))
        found = {partition: key for partition, key in wanted.items() if key in there}
        optional = (context.definition_metadata or {}).get("optional", False)
        if not found and not optional:
            raise _never_materialized(context, len(wanted))
        table = TABLES[context.asset_key.path[-1]] if not found else None
        materialized = latest_metadata(context.instance, context.asset_key, list(found))
        sums = {key: materialized.get(partition, {}).get("sha256") for partition, key in found.items()}
        return _as_annotated(table.empty().lazy() if table else store.scan_tables(sums), context)


class _SavedAsFolder(Protocol):
    """What the artifact IO manager stores: anything that writes itself into a folder and reads itself from one."""

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self: ...


class Artifacts(dg.ConfigurableIOManager):
    """The folders of runs, each written once: `models/snapshots/run_id=<run>/[model=<family>/]<partition>/`.

    A read follows the asset's own reference, never the newest folder.
    """

    store: dg.ResourceDependency[FolderStore]

    @faults_are_final
    def handle_output(self, context: dg.OutputContext, obj: _SavedAsFolder) -> None:
        """Have the value save itself, and store the folder.

        Raises AlreadyStored: the run has stored something else there. What the same run stored there of the same
        configuration and data, before it was killed and could say so, is taken for it.
        """
        store, key = self.store.open(), _run_folder(context)
        with TemporaryDirectory() as local:
            obj.save(Path(local))
            try:
                stored = store.write_artifact(key, Path(local))
            except AlreadyStored:
                stored = store.stored_artifact(key)
                if store.read(f"{key}/{_CONFIG}") != Path(local, _CONFIG).read_bytes():
                    raise
        partition = _one_partition(context)
        _record(context, {partition: {**_described(store, stored), "artifact": stored.key}})

    @faults_are_final
    def load_input(self, context: dg.InputContext) -> Any:
        """The value that the latest materialization refers to, after every file of it was checked.

        Raises ArtifactMissing: it was never materialized. ChecksumMismatch: a file of it was changed.
        """
        (partition,) = _keys(context)
        latest = latest_metadata(context.instance, context.asset_key, [partition]).get(partition, {})
        if "artifact" not in latest:
            raise _never_materialized(context, 1)
        with self.store.open().open_artifact(latest["artifact"], sha256=latest["sha256"]) as folder:
            return context.dagster_type.typing_type.load(folder)


def _run_folder(context: dg.OutputContext) -> str:
    """Where a run keeps what it made: all families of a cell, one of them, or a comparison."""
    run = f"{SNAPSHOTS}/run_id={run_id_of(context.step_context.dagster_run)}"
    partition, name = _one_partition(context), context.asset_key.path[-1]
    if partition == _UNPARTITIONED:
        return f"{run}/{name}"
    cell = folder_of(context.asset_partitions_def, partition)
    return f"{run}/model={name}/{cell}" if context.asset_key.path[0] == "models" else f"{run}/{cell}"


def _write(store: Storage, context: dg.OutputContext, partition: str, frame: Any) -> dict[str, Any]:
    if not isinstance(frame, pl.DataFrame | pl.LazyFrame):
        raise TypeError(f"{context.asset_key.to_user_string()} must return Polars frames; got {type(frame).__name__}.")
    stored = store.write_table(f"{_folder(context, partition)}/data.parquet", frame)
    stored_rows = store.scan_tables({stored.key: None}).select(pl.len())
    rows = frame.height if isinstance(frame, pl.DataFrame) else stored_rows.collect().item()
    return {**_described(store, stored), "dagster/row_count": rows}


def _described(store: Storage, stored: Stored) -> dict[str, Any]:
    return {"dagster/uri": store.uri(stored.key), "sha256": stored.sha256, "size_bytes": stored.n_bytes}


def _record(context: dg.OutputContext, written: Mapping[str, Mapping[str, Any]]) -> None:
    """Put what was stored into each partition's metadata, and the digest of it all into the data version."""
    step = context.step_context
    for partition, metadata in written.items():
        step.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=partition or None)
    sums = [metadata["sha256"] for metadata in written.values()]
    whole = sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
    step.set_data_version(context.asset_key, dg.DataVersion(whole))


def _one_partition(context: dg.OutputContext) -> str:
    return context.asset_partition_key if context.has_asset_partitions else _UNPARTITIONED


def _folder(context: dg.OutputContext | dg.InputContext, partition: str) -> str:
    parts = list(context.asset_key.path)
    if partition != _UNPARTITIONED:
        parts.append(folder_of(context.asset_partitions_def, partition))
    return "/".join(parts)


def _keys(context: dg.InputContext) -> dict[str, str]:
    partitions: Sequence[str] = context.asset_partition_keys if context.has_asset_partitions else [_UNPARTITIONED]
    return {partition: f"{_folder(context, partition)}/data.parquet" for partition in partitions}


def latest_metadata(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, partitions: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The metadata of the latest materialization of each partition that has one, as observed since.

    An upkeep that rewrites what is stored observes it: a materialization would say that the asset is fresh.
    """
    named = [partition for partition in partitions if partition != _UNPARTITIONED]
    of_these = dg.AssetRecordsFilter(asset_key=asset_key, asset_partitions=named or None)
    made = _newest(instance.fetch_materializations, of_these, n=len(partitions))
    seen = _newest(instance.fetch_observations, of_these, n=len(partitions)) if made else {}
    return {
        partition: metadata | (seen[partition][1] if seen.get(partition, (0, {}))[0] > at else {})
        for partition, (at, metadata) in made.items()
    }


def _newest(fetch: Any, of_these: dg.AssetRecordsFilter, *, n: int) -> dict[str, tuple[int, dict[str, Any]]]:
    """The newest event of each partition: its place in the event log, and its metadata."""
    newest: dict[str, tuple[int, dict[str, Any]]] = {}
    cursor = None
    while len(newest) < n:
        page = fetch(of_these, limit=max(100, n), cursor=cursor)
        for record in page.records:
            event = record.asset_materialization or record.event_log_entry.asset_observation
            metadata = {name: value.value for name, value in event.metadata.items()} if event else {}
            newest.setdefault(record.partition_key or _UNPARTITIONED, (record.storage_id, metadata))
        if not page.has_more:
            break
        cursor = page.cursor
    return newest


def recorded_sha256(instance: dg.DagsterInstance, asset_key: dg.AssetKey, partition: str) -> str:
    """The SHA-256 of the latest materialization.

    Raises ArtifactMissing: there is none, or it does not say, as one that was only reported in the UI.
    """
    latest = latest_metadata(instance, asset_key, [partition]).get(partition, {})
    if "sha256" not in latest:
        raise ArtifactMissing(
            f"{asset_key.to_user_string()} must have been materialized with its SHA-256; that of {partition} has none. "
            "Materialize it again."
        )
    return str(latest["sha256"])


def _as_annotated(frame: pl.LazyFrame, context: dg.InputContext) -> Any:
    wanted = context.dagster_type.typing_type
    module = wanted.__module__.split(".")[0]
    if wanted is pl.LazyFrame:
        return frame
    table = frame.collect()
    return table.to_pandas() if module == "pandas" else table.to_arrow() if module == "pyarrow" else table


def _never_materialized(context: dg.InputContext, n_partitions: int) -> ArtifactMissing:
    return ArtifactMissing(
        f"{context.asset_key.to_user_string()} must be materialized before it is read; none of the {n_partitions} "
        "partitions asked for is there. Materialize it, or run the job that makes it."
    )
