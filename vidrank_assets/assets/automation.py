"""What happens without anybody asking: the schedules, what follows a capture or a training, and what a failure says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import dagster as dg

from vidrank_assets.assets.jobs import capture_day, compare, fuse, refresh_targets, train_suite
from vidrank_assets.assets.partitions import by_strategy_and_horizon
from vidrank_assets.assets.run_id import BACKFILL
from vidrank_assets.catalog import FUSIONS
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.settings import Settings
from vidrank_assets.tables import SNAPSHOTS


def _hours(settings: Settings) -> list[int]:
    """The hours of the day, UTC, at which captures begin: one is set, and the others are as late in their slots.

    A slot has at most one capture, so where 24 hours are not so many equal parts, some begin an hour earlier.
    """
    n = settings.captures_per_day
    begins = [-(-24 * slot // n) for slot in range(n + 1)]
    late = settings.capture_hour - max(hour for hour in begins if hour <= settings.capture_hour)
    return [min(hour + late, after - 1) for hour, after in pairwise(begins)]


#: The one switch: turn it on, and each day is captured, and what depends on captures is refreshed after it.
@dg.schedule(
    job=capture_day,
    cron_schedule=f"0 {','.join(map(str, _hours(Settings())))} * * *",
    description="Captures the day at the hours that are set, in UTC.",
)
def daily_capture(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The day on which it runs, once a slot."""
    at = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H}", partition_key=f"{at:%Y-%m-%d}")


@dg.sensor(job=capture_day, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=300)
def resume_after_reset(context: dg.SensorEvaluationContext) -> dg.RunRequest | None:
    """Goes on with a capture that waits: for its quota until that is reset, for Google half an hour."""
    latest = context.instance.get_latest_materialization_event(dg.AssetKey(SNAPSHOTS.name))
    if latest is None or latest.asset_materialization is None:
        return None
    day = latest.asset_materialization.partition
    told = {name: value.value for name, value in latest.asset_materialization.metadata.items()}
    now, resumes_at = datetime.now(UTC), told.get("resumes_at")
    if not isinstance(resumes_at, str) or now < datetime.fromisoformat(resumes_at) or day != f"{now:%Y-%m-%d}":
        return None
    run = context.instance.get_run_by_id(latest.run_id)
    # It may have had another source or watch list than the settings name.
    ops = run.run_config.get("ops", {}) if run else {}
    return dg.RunRequest(run_key=f"{day}-{resumes_at}", partition_key=day, run_config={"ops": ops})


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[capture_day],
    request_jobs=[refresh_targets, fuse],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def refresh_after_capture(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest]:
    """Brings labels, features, splits and fused vectors up to date when a capture that nobody launched succeeded."""
    if not {"dagster/schedule_name", "dagster/sensor_name"} & set(context.dagster_run.tags):
        return
    run_id = context.dagster_run.run_id
    for horizon in HORIZONS:
        yield dg.RunRequest(f"{run_id}-{horizon}", job_name="refresh_targets", partition_key=horizon)
    for strategy in FUSIONS.entries:
        yield dg.RunRequest(f"{run_id}-{strategy}", job_name="fuse", partition_key=strategy)


@dg.schedule(
    job=train_suite, cron_schedule="0 7 * * 1", description="Trains every family on the whole grid on Mondays."
)
def weekly_training(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run a cell; all of them belong to one backfill."""
    shared = f"weekly-{context.scheduled_execution_time:%Y-%m-%d}"
    for cell in by_strategy_and_horizon.get_partition_keys():
        yield dg.RunRequest(f"{shared}-{cell}", partition_key=cell, tags={BACKFILL: shared})


@dg.asset_sensor(
    asset_key=dg.AssetKey("model_snapshot"),
    job=compare,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
)
def compare_after_training(_context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> dg.RunRequest:
    """Brings the comparison up to date when a run was recorded: it reads the folders of runs, not `leaderboard`."""
    return dg.RunRequest(run_key=f"{event.run_id}-{event.timestamp}")


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Logs of every failed run what failed, where, and why."""
    for line in failures(context):
        context.log.error(line)


def failures(context: dg.RunFailureSensorContext) -> list[str]:
    """One line for each failed step: job, partition, step and reason; one for the run when no step failed."""
    run = context.dagster_run
    where = run.tags.get("dagster/partition", "no partition")
    steps = context.get_step_failure_events() or [context.failure_event]
    return [f"{run.job_name} · {where} · {step.step_key or 'the run itself'}: {_reason(step)}" for step in steps]


def _reason(event: dg.DagsterEvent) -> str:
    """The sentence of the fault itself, which lies below Dagster's own."""
    failed = event.step_failure_data if event.is_step_failure else event.job_failure_data
    told = getattr(failed, "user_failure_data", None)
    if told and told.description:
        return str(told.description)
    if failed.error is None:
        return event.message or "no reason was recorded"
    return (failed.error.cause or failed.error).message.strip()


SCHEDULES = (daily_capture, weekly_training)
SENSORS = (refresh_after_capture, resume_after_reset, compare_after_training, failed_runs)
