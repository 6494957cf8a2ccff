from pathlib import Path

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from vidrank_assets.assets.io_managers import Artifacts, Tables
from vidrank_assets.assets.partitions import by_day, by_horizon, by_strategy_and_horizon, every_partition
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.run_id import BACKFILL

DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]
EVERY = dg.AssetIn(partition_mapping=dg.AllPartitionMapping())


@dg.asset(io_manager_key="tables", partitions_def=by_day, backfill_policy=dg.BackfillPolicy.single_run())
def snapshots(context: dg.AssetExecutionContext):
    """One row a day."""
    return {day: pl.DataFrame({"video_id": ["v"], "day": [day]}) for day in context.partition_keys}


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def resources(tmp_path):
    store = FolderStore(root=str(tmp_path / "store"))
    return {"tables": Tables(store=store), "artifacts": Artifacts(store=store)}


@pytest.fixture
def three_days(instance, resources):
    """The three days, captured as one run."""
    tags = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}
    result = dg.materialize([snapshots], resources=resources, instance=instance, tags=tags)
    return {event.partition: event for event in result.asset_materializations_for_node("snapshots")}


def materialized(asset, instance, resources, **options):
    result = dg.materialize(
        [snapshots, asset], selection=[asset], resources=resources, instance=instance, raise_on_error=True, **options
    )
    return result.output_for_node(asset.op.name)


def test_a_range_of_days_is_one_run_that_stores_and_describes_each_day(three_days, tmp_path):
    assert sorted(three_days) == DAYS
    for day, event in three_days.items():
        assert pl.read_parquet(tmp_path / "store" / "snapshots" / f"day={day}" / "data.parquet")["day"].to_list() == [
            day
        ]
        assert event.metadata["dagster/row_count"].value == 1
        assert f"day={day}" in event.metadata["dagster/uri"].value
    assert len({event.metadata["sha256"].value for event in three_days.values()}) == 3


@pytest.mark.parametrize("kind", [pl.LazyFrame, pl.DataFrame, pd.DataFrame, pa.Table])
def test_the_annotation_decides_in_what_shape_several_partitions_arrive(three_days, instance, resources, kind):
    received = []

    @dg.asset(ins={"snapshots": EVERY})
    def reader(snapshots: kind) -> int:
        received.append(snapshots)
        return 0

    materialized(reader, instance, resources)
    assert isinstance(received[0], kind)
    table = received[0].collect() if kind is pl.LazyFrame else received[0]
    assert list(table["day"].to_pylist() if kind is pa.Table else table["day"]) == DAYS


def test_days_that_were_never_captured_are_left_out_of_a_scan(instance, resources):
    dg.materialize([snapshots], resources=resources, instance=instance, partition_key=DAYS[1])

    @dg.asset(ins={"snapshots": EVERY})
    def reader(snapshots: pl.LazyFrame) -> list:
        return snapshots.collect()["day"].to_list()

    assert materialized(reader, instance, resources) == [DAYS[1]]


def test_an_input_that_nothing_was_stored_for_is_refused_unless_it_is_optional(instance, resources):
    @dg.asset(ins={"snapshots": EVERY})
    def strict(snapshots: pl.LazyFrame) -> int:
        return 0

    @dg.asset(ins={"snapshots": dg.AssetIn(partition_mapping=dg.AllPartitionMapping(), metadata={"optional": True})})
    def lenient(snapshots: pl.LazyFrame) -> list:
        return snapshots.collect().columns

    with pytest.raises(dg.Failure, match="ArtifactMissing: snapshots must be materialized before it is read"):
        materialized(strict, instance, resources)
    assert materialized(lenient, instance, resources)[:2] == ["video_id", "captured_at"]


def test_a_partition_that_was_changed_since_it_was_recorded_is_refused(three_days, instance, resources, tmp_path):
    changed = tmp_path / "store" / "snapshots" / f"day={DAYS[1]}" / "data.parquet"
    changed.write_bytes(changed.read_bytes() + b" ")

    @dg.asset(ins={"snapshots": EVERY})
    def reader(snapshots: pl.LazyFrame) -> int:
        return 0

    with pytest.raises(
        dg.Failure, match=r"ChecksumMismatch: .*day=2026-01-06/data.parquet must hold the bytes that were recorded"
    ):
        materialized(reader, instance, resources)


def test_the_data_version_is_the_checksum_so_equal_tables_are_equal_versions(instance, resources):
    @dg.asset(io_manager_key="tables", partitions_def=by_horizon)
    def targets() -> pl.DataFrame:
        return pl.DataFrame({"video_id": ["v"]})

    for horizon in ("7d", "14d", "7d"):
        dg.materialize([targets], resources=resources, instance=instance, partition_key=horizon)
    records = instance.fetch_materializations(targets.key, limit=3).records
    versions = {record.asset_materialization.tags["dagster/data_version"] for record in records}
    assert versions == {records[0].asset_materialization.metadata["sha256"].value}


class Note:
    """Saves itself as a folder of a configuration and a text."""

    def __init__(self, text: str, config: str = "{}") -> None:
        self.text, self.config = text, config

    def save(self, folder: Path) -> None:
        (folder / "config_used.json").write_text(self.config)
        (folder / "note.txt").write_text(self.text)

    @classmethod
    def load(cls, folder: Path) -> "Note":
        return cls((folder / "note.txt").read_text())


CELL = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})


def noting(note, *, key=("models", "ridge"), partitioned=True):
    """An asset that stores the note."""
    levels = {"partitions_def": by_strategy_and_horizon} if partitioned else {}

    @dg.asset(key=list(key), io_manager_key="artifacts", **levels)
    def model() -> Note:
        return note

    return model


def noted(model, instance, resources, *, run="r1", cell=CELL):
    result = dg.materialize([model], resources=resources, instance=instance, partition_key=cell, tags={BACKFILL: run})
    return result.asset_materializations_for_node(model.node_def.name)[0].metadata["artifact"].value


def test_an_artifact_is_read_by_the_reference_of_its_latest_materialization(instance, resources):
    @dg.asset(partitions_def=by_strategy_and_horizon, ins={"model": dg.AssetIn(key=["models", "ridge"])})
    def reader(model: Note) -> str:
        return model.text

    for run, text in (("z", "first"), ("a", "second")):
        model = noting(Note(text))
        noted(model, instance, resources, run=run)
        result = dg.materialize(
            [model.to_source_assets()[0], reader], resources=resources, instance=instance, partition_key=CELL
        )
        assert result.output_for_node("reader") == text


def test_a_run_keeps_a_family_all_families_of_a_cell_and_a_comparison_in_folders_of_their_own(instance, resources):
    assert noted(noting(Note("one")), instance, resources) == (
        "models/snapshots/run_id=r1/model=ridge/strategy=concat/horizon=7d"
    )
    suite = noting(Note("all"), key=("model_snapshot",))
    assert noted(suite, instance, resources) == "models/snapshots/run_id=r1/strategy=concat/horizon=7d"
    compared = noting(Note("compared"), key=("comparison",), partitioned=False)
    assert noted(compared, instance, resources, cell=None) == "models/snapshots/run_id=r1/comparison"


def test_a_second_write_to_the_place_of_a_run_is_refused(instance, resources):
    noted(noting(Note("first", config='{"seed": 1}')), instance, resources)
    with pytest.raises(dg.Failure, match="AlreadyStored: .* is written once and is there already"):
        noted(noting(Note("second", config='{"seed": 2}')), instance, resources)


def test_a_retry_takes_what_its_run_had_stored_before_it_was_killed(instance, resources, tmp_path):
    key = noted(noting(Note("before the kill")), instance, resources)
    assert noted(noting(Note("again")), instance, resources) == key
    assert (tmp_path / "store" / key / "note.txt").read_text() == "before the kill"


def test_a_dependency_on_every_partition_does_not_depend_on_the_partition_made():
    (dep,) = every_partition("snapshots")
    assert isinstance(dep.partition_mapping, dg.AllPartitionMapping)
