from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from vidrank_assets.assets import upkeep
from vidrank_assets.assets.io_managers import Artifacts, Tables, latest_metadata, recorded_sha256
from vidrank_assets.assets.partitions import by_day, by_strategy_and_horizon
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.run_id import BACKFILL
from vidrank_assets.errors import InvalidInput
from vidrank_assets.pair_tables import VIDEO_ANALYTICS
from vidrank_assets.settings import Settings
from vidrank_assets.tables import SNAPSHOTS
from vidrank_assets.upkeep.changes import Swept
from vidrank_assets.upkeep.retention import Retention
from vidrank_assets.upkeep.sweep import sweep

TODAY = datetime.now(UTC).replace(hour=0, minute=5, second=0, microsecond=0)
EXPIRED, KEPT = TODAY - timedelta(days=31), TODAY - timedelta(days=2)
EVERY = dg.AssetIn(partition_mapping=dg.AllPartitionMapping())
CELL = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})


def captures(video, at, source="youtube_api"):
    columns = {
        "video_id": [video],
        "captured_at": [at],
        "published_at": [at],
        "channel_id": ["UC1"],
        "source": [source],
    }
    return pl.DataFrame({name: pl.Series(columns.get(name, [None]), dtype=t) for name, t in SNAPSHOTS.schema.items()})


@dg.asset(io_manager_key="tables", partitions_def=by_day)
def snapshots(context: dg.AssetExecutionContext) -> pl.DataFrame:
    """One capture from the Data API, and one of an archive."""
    at = datetime.fromisoformat(context.partition_key).replace(tzinfo=UTC)
    return pl.concat([captures(f"api-{at:%m-%d}", at), captures(f"archived-{at:%m-%d}", at, "archive")])


@dg.asset(ins={"snapshots": EVERY})
def reader(snapshots: pl.LazyFrame) -> list:
    """What is read of all days, each compared with what was recorded of it."""
    return sorted(snapshots.collect()["video_id"])


@dg.asset(io_manager_key="tables")
def video_analytics() -> pl.DataFrame:
    """What the owner knows of two videos, of which one is of the channel."""
    named = {"video_id": [f"api-{KEPT:%m-%d}", "of-another"]}
    schema = VIDEO_ANALYTICS.schema
    return pl.DataFrame({name: pl.Series(named.get(name, [None] * 2), dtype=t) for name, t in schema.items()})


@dg.asset
def clicks(video_analytics: pl.DataFrame) -> list:
    """What is read of it, compared with what was recorded of it."""
    return video_analytics["video_id"].to_list()


class Run:
    """A family's folder that learned from an expired capture; read, the files that are in it."""

    def __init__(self, files=()):
        self.files = files

    def save(self, folder):
        (folder / "config_used.json").write_text("{}")
        (folder / "data_summary.json").write_text(f'{{"oldest_api_capture_at": "{EXPIRED.isoformat()}"}}')
        (folder / "report.html").write_text("a title")

    @classmethod
    def load(cls, folder):
        return cls(sorted(path.name for path in folder.iterdir()))


@dg.asset(key=["models", "ridge"], io_manager_key="artifacts", partitions_def=by_strategy_and_horizon)
def ridge() -> Run:
    """A family."""
    return Run()


@dg.asset(ins={"model": dg.AssetIn(key=["models", "ridge"])}, partitions_def=by_strategy_and_horizon)
def files(model: Run) -> list:
    """What the folder holds, after every file of it was checked."""
    return model.files


@pytest.fixture
def instance(tmp_path):
    """An instance on a disk, whose events lie in several databases."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as on_disk:
        yield on_disk


@pytest.fixture
def root(tmp_path):
    return FolderStore(root=str(tmp_path / "store"))


@pytest.fixture
def run(instance, root):
    resources = {"store": root, "tables": Tables(store=root), "artifacts": Artifacts(store=root)}

    def ran(asset, **options):
        every = [snapshots, reader, video_analytics, clicks, ridge, files, upkeep.retention_sweep]
        return dg.materialize(every, selection=[asset], resources=resources, instance=instance, **options)

    return ran


@pytest.fixture
def captured(run):
    for at in (EXPIRED, KEPT):
        run(snapshots, partition_key=at.date().isoformat())


def days(*moments):
    return [moment.date().isoformat() for moment in moments]


def test_after_a_sweep_every_reader_finds_the_bytes_that_it_expects(run, captured):
    run(upkeep.retention_sweep)
    assert run(reader).output_for_node("reader") == sorted(
        [f"archived-{EXPIRED:%m-%d}", f"api-{KEPT:%m-%d}", f"archived-{KEPT:%m-%d}"]
    )


def test_a_sweep_says_what_it_removed_and_how_old_the_oldest_api_datum_is(run, captured):
    result = run(upkeep.retention_sweep)
    (event,) = result.asset_materializations_for_node("retention_sweep")
    shown = {name: each.value for name, each in event.metadata.items()}
    assert shown["mode"] == "default" and shown["removed_rows"] == {"snapshots": 1}
    assert datetime.fromisoformat(shown["oldest_api_datum"]["snapshots"]).date() == KEPT.date()
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("no_expired_api_data", True)


def test_a_sweep_does_not_say_that_something_was_captured(run, captured, instance):
    """Else the freshness policy of the captures would be content while nothing is captured."""
    before = instance.get_latest_materialization_event(snapshots.key).timestamp
    run(upkeep.retention_sweep)
    assert instance.get_latest_materialization_event(snapshots.key).timestamp == before
    (seen,) = instance.fetch_observations(snapshots.key, limit=9).records
    assert seen.partition_key == days(EXPIRED)[0]
    assert seen.event_log_entry.asset_observation.metadata["dagster/row_count"].value == 1


def test_a_capture_after_a_sweep_counts_again(run, captured, instance):
    run(upkeep.retention_sweep)
    (day,) = days(EXPIRED)
    swept = recorded_sha256(instance, snapshots.key, day)
    run(snapshots, partition_key=day)
    assert recorded_sha256(instance, snapshots.key, day) != swept
    assert len(run(reader).output_for_node("reader")) == 4


def test_a_sweep_killed_between_a_file_and_its_record_is_ended_by_the_next(run, captured, root):
    def killed(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(root.open(), Retention(), now=TODAY, replaced=killed)
    with pytest.raises(dg.Failure, match="ChecksumMismatch"):
        run(reader)
    run(upkeep.retention_sweep)
    assert len(run(reader).output_for_node("reader")) == 3


def test_a_familys_folder_is_read_by_its_reference_after_a_sweep_took_something_out(run, captured):
    run(ridge, partition_key=CELL, tags={BACKFILL: "r1"})
    run(upkeep.retention_sweep)
    assert run(files, partition_key=CELL).output_for_node("files") == [
        "checksums.json", "config_used.json", "data_summary.json", "swept.json",
    ]  # fmt: skip


def test_the_folder_of_an_earlier_run_does_not_become_the_latest_by_being_swept(run, captured, instance):
    for each in ("older", "newer"):
        run(ridge, partition_key=CELL, tags={BACKFILL: each})
    run(upkeep.retention_sweep)
    latest = latest_metadata(instance, ridge.key, [CELL])[CELL]
    assert "run_id=newer" in latest["artifact"]
    assert len(run(files, partition_key=CELL).output_for_node("files")) == 4


def test_a_forgotten_channel_leaves_readers_content(run, captured, instance, root):
    done = upkeep.forget_channel(instance, root.open(), "UC1")
    assert done.removed == {"snapshots": 4}
    assert run(reader).output_for_node("reader") == []


def test_a_table_without_partitions_is_read_after_a_channel_was_forgotten(run, captured, instance, root):
    run(video_analytics)
    run(upkeep.retention_sweep)
    assert run(clicks).output_for_node("clicks") == [f"api-{KEPT:%m-%d}", "of-another"]
    assert upkeep.forget_channel(instance, root.open(), "UC1").removed["video_analytics"] == 1
    assert run(clicks).output_for_node("clicks") == ["of-another"]


def test_nothing_is_forgotten_while_a_capture_runs(instance, root):
    storage = instance.event_log_storage
    storage.set_concurrency_slots("capture", 1)
    storage.claim_concurrency_slot("capture", "a-run", "captured_videos")
    with pytest.raises(InvalidInput, match="Run vidrank forget again when it has ended"):
        upkeep.forget_channel(instance, root.open(), "UC1")
    storage.free_concurrency_slots_for_run("a-run")
    assert upkeep.forget_channel(instance, root.open(), "UC1").is_nothing


def test_what_is_left_over_is_an_error_that_names_the_place_and_the_way_out():
    check = upkeep.nothing_expired(Swept(removed={"snapshots": 3}, files={"fused": 1}))
    assert not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    assert check.description.startswith(
        "Expired API data is left in fused (1), snapshots (3). Materialize retention_sweep"
    )


def test_the_settings_decide_what_is_kept():
    chosen = Settings(retention="own_channel", own_channels=("UC1",), audited_days=400)
    kept = upkeep.retention_of(chosen)
    assert (kept.mode, kept.own_channels, kept.audited_days) == ("own_channel", ("UC1",), 400)


def test_the_sweep_waits_for_captures_and_runs_soon_after_midnight():
    assert upkeep.retention_sweep.op.pool == "capture"
    assert upkeep.daily_sweep.cron_schedule == "15 0 * * *" and upkeep.daily_sweep.job_name == "sweep_daily"
