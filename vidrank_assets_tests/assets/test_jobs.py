from datetime import UTC, datetime

import dagster as dg
import pytest

from vidrank_assets.assets.jobs import JOBS, daily_capture, refresh_after_capture
from vidrank_assets.catalog import FUSIONS
from vidrank_assets.definitions import definitions
from vidrank_assets.horizons import HORIZONS


@pytest.fixture(scope="module")
def repository():
    return definitions().get_repository_def()


@pytest.mark.parametrize("job", [job.name for job in JOBS])
def test_every_job_has_one_level_of_partitions(repository, job):
    resolved = repository.get_job(job)
    levels = {resolved.asset_layer.get(key).partitions_def for key in resolved.asset_layer.selected_asset_keys}
    assert len(levels) == 1


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
