"""What is to be predicted, and which video is in which part."""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.checks import LABEL_COVERAGE, conforming, label_coverage, schema_check
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, preview, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import by_horizon
from vidrank_assets.capture.inclusion import PRESETS
from vidrank_assets.dataset import targets
from vidrank_assets.dataset.candidates import candidates, dealt
from vidrank_assets.dataset.snapshots import first_captures
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.settings import Settings, SplitPolicy
from vidrank_assets.tables import API, HORIZON_TARGETS, SPLIT_MANIFEST

EVERY_DAY = dg.AssetIn(partition_mapping=dg.AllPartitionMapping())
EVERY_DAY_IF_ANY = dg.AssetIn(partition_mapping=dg.AllPartitionMapping(), metadata={"optional": True})


class TargetsConfig(dg.Config):
    """The state of knowledge that labels are made from."""

    as_of: str | None = Field(None, description="an ISO instant with its zone; captures after it count as not made")


@dg.asset(
    group_name="dataset",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(HORIZON_TARGETS),
    partitions_def=by_horizon,
    io_manager_key="tables",
    ins={"snapshots": EVERY_DAY},
    check_specs=[schema_check(HORIZON_TARGETS), LABEL_COVERAGE],
    retry_policy=RETRIES,
)
@faults_are_final
def horizon_targets(
    context: dg.AssetExecutionContext, config: TargetsConfig, snapshots: pl.LazyFrame
) -> Iterator[dg.MaterializeResult[pl.DataFrame]]:
    """Views each video had at the horizon, from the captures on both sides of it."""
    as_of = datetime.fromisoformat(config.as_of) if config.as_of else None
    made = targets.horizon_targets(snapshots, HORIZONS[context.partition_key], as_of=as_of)
    table, conforms = conforming(HORIZON_TARGETS, made)
    coverage = targets.label_coverage(table)
    yield dg.MaterializeResult(
        value=table,
        metadata={**coverage, **preview(table)},
        check_results=[conforms, label_coverage(coverage)],
    )


class SplitConfig(dg.Config):
    """Which labelled videos are in, and how they are dealt to the three parts."""

    inclusion: str = Field(Settings().inclusion, description=f"one of: {', '.join(PRESETS)}")
    policy: SplitPolicy = Field(Settings().split_policy, description="random, time, channel or time_channel")
    train_share: float = 0.70
    val_share: float = 0.15
    test_share: float = 0.15
    seed: int = Settings().seed


@dg.asset(
    group_name="dataset",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(SPLIT_MANIFEST),
    partitions_def=by_horizon,
    io_manager_key="tables",
    ins={"snapshots": EVERY_DAY, "channel_snapshots": EVERY_DAY_IF_ANY},
    check_specs=[schema_check(SPLIT_MANIFEST)],
    retry_policy=RETRIES,
)
@faults_are_final
def split_manifest(
    context: dg.AssetExecutionContext,
    config: SplitConfig,
    horizon_targets: pl.DataFrame,
    snapshots: pl.LazyFrame,
    channel_snapshots: pl.DataFrame,
) -> Iterator[dg.MaterializeResult[pl.DataFrame]]:
    """Which video is in train, val and test: the newest are the test, so a score is about videos of the future."""
    videos = candidates(horizon_targets, first_captures(snapshots), channel_snapshots)
    manifest, reasons = dealt(
        videos,
        config.inclusion,
        policy=config.policy,
        ratios=(config.train_share, config.val_share, config.test_share),
        seed=config.seed,
        horizon=context.partition_key,
    )
    table, conforms = conforming(SPLIT_MANIFEST, manifest)
    sizes = table["split"].value_counts()
    yield dg.MaterializeResult(
        value=table,
        metadata={
            **{f"{split}_videos": count for split, count in sizes.iter_rows()},
            "labelled_videos": videos.height,
            "by_reason": table_metadata(reasons),
            **preview(table, of_api=API in horizon_targets["source"]),
        },
        check_results=[conforms],
    )
