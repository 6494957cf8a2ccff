"""What is to be predicted, and which video is in which part."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.metadata import OWNER, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import by_horizon
from vidrank_assets.capture.inclusion import PRESETS
from vidrank_assets.dataset import targets
from vidrank_assets.dataset.candidates import candidates, dealt
from vidrank_assets.dataset.snapshots import first_captures
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.settings import Settings, SplitPolicy
from vidrank_assets.tables import HORIZON_TARGETS, SPLIT_MANIFEST

EVERY_DAY = dg.AssetIn(partition_mapping=dg.AllPartitionMapping())
EVERY_DAY_IF_ANY = dg.AssetIn(partition_mapping=dg.AllPartitionMapping(), metadata={"optional": True})

#: Fewer labels than this and no split can be made; below the share, what is learned is of the few that were captured.
_ENOUGH_LABELS, _ENOUGH_COVERAGE = 12, 0.5


class TargetsConfig(dg.Config):
    """The state of knowledge that labels are made from."""

    as_of: str | None = Field(None, description="an ISO instant; captures after it count as not made")


@dg.asset(
    group_name="dataset",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(HORIZON_TARGETS),
    partitions_def=by_horizon,
    io_manager_key="tables",
    ins={"snapshots": EVERY_DAY},
    check_specs=[
        dg.AssetCheckSpec(
            "label_coverage", asset="horizon_targets", description="At least half of the videos have a label."
        )
    ],
)
def horizon_targets(
    context: dg.AssetExecutionContext, config: TargetsConfig, snapshots: pl.LazyFrame
) -> Iterator[dg.MaterializeResult[pl.DataFrame]]:
    """Views each video had at the horizon, from the captures on both sides of it."""
    as_of = datetime.fromisoformat(config.as_of).astimezone(UTC) if config.as_of else None
    table = HORIZON_TARGETS.checked(targets.horizon_targets(snapshots, HORIZONS[context.partition_key], as_of=as_of))
    coverage = targets.label_coverage(table)
    yield dg.MaterializeResult(
        value=table,
        metadata={**coverage, "preview": table_metadata(table)},
        check_results=[_coverage_check(coverage)],
    )


def _coverage_check(coverage: Mapping[str, Any]) -> dg.AssetCheckResult:
    labels, share = coverage["labels"], coverage["label_coverage"]
    return dg.AssetCheckResult(
        check_name="label_coverage",
        passed=bool(labels >= _ENOUGH_LABELS and share >= _ENOUGH_COVERAGE),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"labels": labels, "coverage": share},
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
)
def split_manifest(
    context: dg.AssetExecutionContext,
    config: SplitConfig,
    horizon_targets: pl.DataFrame,
    snapshots: pl.LazyFrame,
    channel_snapshots: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Which video is in train, val and test: the newest are the test, so a score is about videos of the future."""
    videos = candidates(horizon_targets, first_captures(snapshots), channel_snapshots)
    table, left_out = dealt(
        videos,
        config.inclusion,
        policy=config.policy,
        ratios=(config.train_share, config.val_share, config.test_share),
        seed=config.seed,
        horizon=context.partition_key,
    )
    sizes = table["split"].value_counts()
    return dg.MaterializeResult(
        value=SPLIT_MANIFEST.checked(table),
        metadata={
            **{f"{split}_videos": count for split, count in sizes.iter_rows()},
            "labelled_videos": videos.height,
            "by_reason": table_metadata(left_out),
            "preview": table_metadata(table),
        },
    )
