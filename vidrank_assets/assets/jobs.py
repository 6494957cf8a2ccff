"""One job for each level of partitions, the daily schedule, and the refresh that follows a capture."""

from collections.abc import Iterator

import dagster as dg

from vidrank_assets.catalog import FUSIONS
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.settings import Settings

_CHOSEN = (Settings().image_encoder, Settings().text_encoder)

capture_day = dg.define_asset_job(
    "capture_day",
    dg.AssetSelection.groups("capture") | dg.AssetSelection.assets(*(["embeddings", name] for name in _CHOSEN)),
    description="One day's captures, and the vectors of what is new in them.",
)
refresh_targets = dg.define_asset_job(
    "refresh_targets",
    dg.AssetSelection.assets("horizon_targets", "metadata_features", "split_manifest", "paired_features"),
    description="Labels, features and the split of one horizon, from all captures there are.",
)
fuse = dg.define_asset_job(
    "fuse",
    dg.AssetSelection.assets("fused_embeddings"),
    description="The fused vectors of one strategy.",
)
train_suite = dg.define_asset_job(
    "train_suite",
    dg.AssetSelection.groups("models", "selection"),
    description="Every family on one strategy and horizon, and the leaderboard over them.",
)

JOBS = (capture_day, refresh_targets, fuse, train_suite)

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
