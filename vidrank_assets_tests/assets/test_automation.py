from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from vidrank_assets.assets.automation import (
    _hours,
    compare_after_training,
    daily_capture,
    failed_runs,
    failures,
    refresh_after_capture,
    resume_after_reset,
    weekly_training,
)
from vidrank_assets.assets.run_id import BACKFILL
from vidrank_assets.capture.cadence import Slot
from vidrank_assets.catalog import FUSIONS
from vidrank_assets.definitions import definitions
from vidrank_assets.errors import NoRows
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.settings import Settings


@pytest.fixture(scope="module")
def repository():
    return definitions().get_repository_def()


def test_the_schedule_captures_the_day_it_runs_on(repository):
    schedule = repository.get_schedule_def(daily_capture.name)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 3, 1, 5, tzinfo=UTC),
            repository_def=repository,
        )
        (request,) = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2026-03-01"


@pytest.mark.parametrize(
    ("hour", "a_day", "hours"), [(5, 1, [5]), (5, 2, [5, 17]), (23, 4, [5, 11, 17, 23]), (0, 24, list(range(24)))]
)
def test_captures_are_evenly_spaced_from_the_hour_that_is_set(monkeypatch, hour, a_day, hours):
    monkeypatch.setenv("VIDRANK_CAPTURE_HOUR", str(hour))
    monkeypatch.setenv("VIDRANK_CAPTURES_PER_DAY", str(a_day))
    assert _hours(Settings()) == hours


@pytest.mark.parametrize("a_day", range(1, 25))
def test_every_slot_of_a_day_has_one_capture_and_one_of_them_begins_at_the_hour_that_is_set(monkeypatch, a_day):
    monkeypatch.setenv("VIDRANK_CAPTURES_PER_DAY", str(a_day))
    for hour in range(24):
        monkeypatch.setenv("VIDRANK_CAPTURE_HOUR", str(hour))
        hours = _hours(Settings())
        slots = [Slot.at(datetime(2026, 3, 1, each, tzinfo=UTC), a_day).number for each in hours]
        assert slots == list(range(a_day))
        assert hour in hours


def resumed(**told):
    """What the sensor asks for when the latest capture said so."""
    day = told.pop("day", f"{datetime.now(UTC):%Y-%m-%d}")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("snapshots", partition=day, metadata=told))
        return resume_after_reset(dg.build_sensor_context(instance=instance))


def test_a_capture_that_waited_for_its_quota_goes_on_after_the_reset():
    before = datetime.now(UTC) - timedelta(minutes=1)
    request = resumed(state="waiting_for_quota", resumes_at=before.isoformat())
    assert request.partition_key == f"{datetime.now(UTC):%Y-%m-%d}"


def test_a_capture_goes_on_with_the_source_and_the_watch_list_that_it_began_with():
    now = datetime.now(UTC)
    waits = {"state": "waiting_for_quota", "resumes_at": (now - timedelta(minutes=1)).isoformat()}

    @dg.op(config_schema=dg.Permissive())
    def captured_videos(context):
        context.log_event(dg.AssetMaterialization("snapshots", partition=f"{now:%Y-%m-%d}", metadata=waits))

    @dg.job
    def begun():
        captured_videos()

    config = {"source": "youtube_api", "options": {"watch_list": "/watched.yaml"}}
    ops = {"captured_videos": {"config": config}}
    with dg.DagsterInstance.ephemeral() as instance:
        begun.execute_in_process(instance=instance, run_config={"loggers": {"console": {}}, "ops": ops})
        request = resume_after_reset(dg.build_sensor_context(instance=instance))
    assert request.run_config == {"ops": ops}


def test_a_capture_is_not_resumed_before_the_reset_nor_on_another_day_nor_when_it_is_complete():
    before, later = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (-1, 5))
    assert resumed(state="waiting_for_quota", resumes_at=later.isoformat()) is None
    assert resumed(state="waiting_for_quota", resumes_at=before.isoformat(), day="2026-02-01") is None
    assert resumed(state="complete") is None
    with dg.DagsterInstance.ephemeral() as instance:
        assert resume_after_reset(dg.build_sensor_context(instance=instance)) is None


@dg.job
def capture_day():
    """Stands for the capture, which the sensor only knows by name."""
    dg.op(name="captured")(lambda: None)()


def refreshed(tags):
    with dg.DagsterInstance.ephemeral() as instance:
        result = capture_day.execute_in_process(instance=instance, tags=tags)
        context = dg.build_run_status_sensor_context(
            sensor_name=refresh_after_capture.name,
            dagster_event=next(event for event in result.all_events if event.is_job_success),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        )
        return [(request.job_name, request.partition_key) for request in refresh_after_capture(context) or ()]


def test_a_scheduled_capture_is_followed_by_a_refresh_of_every_horizon_and_strategy():
    requests = refreshed({"dagster/schedule_name": "daily_capture"})
    assert requests == [
        *(("refresh_targets", horizon) for horizon in HORIZONS),
        *(("fuse", strategy) for strategy in FUSIONS.entries),
    ]


def test_a_capture_by_hand_is_followed_by_nothing():
    assert refreshed({}) == []


def test_every_cell_of_the_grid_is_trained_on_mondays_as_one_backfill(repository):
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 3, 2, 7, tzinfo=UTC),
            repository_def=repository,
        )
        requests = weekly_training.evaluate_tick(context).run_requests
    assert len(requests) == len(HORIZONS) * len(FUSIONS.entries) == len({each.run_key for each in requests})
    assert {each.tags[BACKFILL] for each in requests} == {"weekly-2026-03-02"}


@dg.asset(name="model_snapshot")
def any_snapshot():
    """Stands for the record of a run, which the sensor only knows by name."""
    return 1


@dg.asset(name="leaderboard")
def any_leaderboard():
    """Stands for what a run tells before its record is stored."""
    return 1


def test_a_record_by_whatever_run_is_followed_by_the_comparison(repository):
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([any_snapshot], instance=instance)
        context = dg.build_sensor_context(instance=instance, repository_def=repository, sensor_name="any")
        (request,) = compare_after_training.evaluate_tick(context).run_requests
        assert request.run_key and compare_after_training.job_name == "compare"


def test_a_leaderboard_whose_record_is_not_yet_stored_is_not_compared_too_early(repository):
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([any_leaderboard], instance=instance)
        context = dg.build_sensor_context(instance=instance, repository_def=repository, sensor_name="any")
        assert not compare_after_training.evaluate_tick(context).run_requests


@dg.op
def hopeless():
    raise dg.Failure("NoRows: 7d has no labels.", allow_retries=False) from NoRows("7d has no labels.")


@dg.op
def broken():
    raise ConnectionError("the network is away")


@pytest.mark.parametrize(
    ("op", "said"), [(hopeless, "NoRows: 7d has no labels."), (broken, "ConnectionError: the network is away")]
)
def test_a_failed_run_is_logged_with_what_failed_where_and_why(op, said):
    job = dg.GraphDefinition(name="train_suite", node_defs=[op]).to_job()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance, raise_on_error=False, tags={"dagster/partition": "7d|concat"}
        )
        context = dg.build_run_status_sensor_context(
            sensor_name=failed_runs.name,
            dagster_event=next(event for event in result.all_events if event.is_job_failure),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()
        (line,) = failures(context)
    assert line == f"train_suite · 7d|concat · {op.name}: {said}"
