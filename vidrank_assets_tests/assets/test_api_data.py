"""Captures of the Data API taken through the graph: where their rows end up, and what a sweep leaves of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vidrank_assets import recorded
from vidrank_assets.assets.features import embed
from vidrank_assets.assets.io_managers import Artifacts, Tables
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.upkeep import recorder
from vidrank_assets.capture.remembered import VIDEO_CATALOGUE
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.definitions import definitions
from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.base import load_encoder
from vidrank_assets.retraining import retrained
from vidrank_assets.settings import Settings
from vidrank_assets.upkeep.retention import Retention
from vidrank_assets.upkeep.sweep import expired, sweep

CELL = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world():
    return SampleWorld(n_channels="24", n_days="70")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def instance(home):
    with dg.instance_for_test(temp_dir=str(home)) as on_disk:
        yield on_disk


@pytest.fixture(scope="module")
def store(world, home, instance):
    """The sample world as if the Data API had shown it, captured, labelled, fused and trained on one cell."""
    root = FolderStore(root=str(home / "store"))
    opened, days = root.open(), world.days()
    captured = world.snapshots(days).rows.with_columns(source=pl.lit("youtube_api"))
    for day in days:
        of_day = captured.filter(pl.col("captured_at").dt.date() == day)
        opened.write_table(f"snapshots/day={day}/data.parquet", of_day)
    opened.write_table(f"youtube_api/video_catalogue/slot={days[-1]}T00.parquet", VIDEO_CATALOGUE.empty())
    embed(opened, load_encoder("title_ngrams", Settings()), captured.lazy(), log=str)
    resources = {"store": root, "tables": Tables(store=root), "artifacts": Artifacts(store=root)}
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    for job, key in (("refresh_targets", "7d"), ("fuse", "concat"), ("train_suite", CELL)):
        definitions().resolve_job_def(job).execute_in_process(
            instance=instance, resources=resources, run_config=quiet, partition_key=key
        )
    return opened


def test_no_title_and_no_video_of_the_api_is_in_the_event_log(store, world, home):
    captured = world.snapshots(world.days()).rows
    names = {*captured["video_id"], *captured["title"].drop_nulls()}
    events = b"".join(file.read_bytes() for file in home.rglob("*.db*"))
    assert b"preview_left_out" in events and b"leaderboard" in events
    assert [name for name in names if name.encode() in events] == []


def test_a_sweep_leaves_what_is_young_enough_and_runs_that_can_still_be_looked_at(store, world, instance):
    """Last, for it takes away what the fixture made."""
    last = datetime.combine(world.days()[-1], datetime.min.time(), UTC)
    young = last - timedelta(days=27)  # two days after the last capture, the 29 days before are kept
    before = {
        name: store.read_table(f"{name}/horizon=7d/data.parquet") for name in ("horizon_targets", "split_manifest")
    }
    sweep(store, Retention(), now=last + timedelta(days=2), replaced=recorder(instance, store))
    assert expired(store, Retention(), now=last + timedelta(days=2)).is_nothing

    kept = before["horizon_targets"].filter(pl.col("first_captured_at") >= young)
    assert 0 < kept.height < before["horizon_targets"].height
    assert store.read_table("horizon_targets/horizon=7d/data.parquet").equals(kept)
    assert set(store.read_table("metadata_features/horizon=7d/data.parquet")["video_id"]) == set(kept["video_id"])

    (run,) = recorded.runs(store)["run_id"]
    (cell,) = recorded.cells_of(store, run)
    with recorded.opened(store, cell) as snapshot:
        assert snapshot.swept and snapshot.leaderboard.height == len(snapshot.trials)
        with pytest.raises(InvalidInput, match="was removed on"):
            retrained(store, snapshot.config, run_id=run)
    assert recorded.all_leaderboards(store).rows.height == len(snapshot.trials)

    sweep(store, Retention(), now=last + timedelta(days=365), replaced=recorder(instance, store))
    captured = world.snapshots(world.days()).rows
    left = b"".join(
        path.read_bytes()
        for path in Path(store.root).rglob("*")
        if path.is_file() and path.suffix not in (".parquet", ".npz")
    )
    assert [name for name in {*captured["video_id"], *captured["title"].drop_nulls()} if name.encode() in left] == []
    tables = [pl.read_parquet(path, hive_partitioning=False) for path in Path(store.root).rglob("*.parquet")]
    assert [table for table in tables if table.height and "video_id" in table.columns] == []
    assert store.keys("embeddings") == store.keys("fused") == []
