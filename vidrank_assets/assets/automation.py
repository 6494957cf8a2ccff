"""What happens without anybody asking: the schedules, what follows a capture or a training, and what a failure says."""

from collections.abc import Iterator

import dagster as dg

from vidrank_assets.assets.jobs import capture_day, compare, fuse, refresh_targets, train_suite
from vidrank_assets.assets.partitions import by_strategy_and_horizon
from vidrank_assets.assets.run_id import BACKFILL
from vidrank_assets.catalog import FUSIONS
from vidrank_assets.horizons import HORIZONS

#: The one switch: turn it on, and each day is captured once, and what depends on captures is refreshed after it.
daily_capture = dg.build_schedule_from_partitioned_job(
    capture_day, name="daily_capture", hour_of_day=5, description="Captures the day at 05:00 UTC."
)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[capture_day],
    request_jobs=[refresh_targets, fuse],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def refresh_after_capture(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest]:
    """Brings labels, features, splits and fused vectors up to date when a scheduled capture has succeeded."""
    if "dagster/schedule_name" not in context.dagster_run.tags:
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
SENSORS = (refresh_after_capture, compare_after_training, failed_runs)
