"""The tabular features of every video, and of the later video of every honest pair."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from vidrank_assets.assets.checks import NO_LEAKAGE, conforming, schema_check
from vidrank_assets.assets.dataset import EVERY_DAY, EVERY_DAY_IF_ANY
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, preview, schema_metadata
from vidrank_assets.assets.partitions import by_horizon
from vidrank_assets.dataset.pairs import pair_moments
from vidrank_assets.dataset.snapshots import first_captures
from vidrank_assets.features.leakage import assert_no_feature_leakage
from vidrank_assets.features.metadata import Captured, feature_columns
from vidrank_assets.features.metadata import metadata_features as features_of
from vidrank_assets.selection.task import SCORED
from vidrank_assets.tables import API, METADATA_FEATURES, PAIRED_FEATURES


@dg.asset(
    group_name="features",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(METADATA_FEATURES),
    partitions_def=by_horizon,
    io_manager_key="tables",
    ins={"snapshots": EVERY_DAY, "channel_snapshots": EVERY_DAY_IF_ANY},
    check_specs=[schema_check(METADATA_FEATURES), NO_LEAKAGE],
    retry_policy=RETRIES,
)
@faults_are_final
def metadata_features(
    snapshots: pl.LazyFrame, horizon_targets: pl.DataFrame, channel_snapshots: pl.DataFrame
) -> Iterator[dg.MaterializeResult[pl.DataFrame]]:
    """What is known of each video at publication and at its first capture, with its channel's history as of then."""
    captured = Captured(first_captures(snapshots), horizon_targets, channel_snapshots)
    table, conforms = conforming(METADATA_FEATURES, features_of(captured))
    columns = feature_columns("snapshot1")
    assert_no_feature_leakage(columns, "snapshot1")
    yield dg.MaterializeResult(
        value=table,
        metadata={
            "features": len(columns),
            "with_channel_history": table.filter(pl.col("channel_target_count") > 0).height,
            **preview(table, of_api=API in horizon_targets["source"]),
        },
        check_results=[conforms, dg.AssetCheckResult(check_name=NO_LEAKAGE.name, passed=True)],
    )


@dg.asset(
    group_name="features",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(PAIRED_FEATURES),
    partitions_def=by_horizon,
    io_manager_key="tables",
    ins={"snapshots": EVERY_DAY, "channel_snapshots": EVERY_DAY_IF_ANY},
    check_specs=[schema_check(PAIRED_FEATURES)],
    retry_policy=RETRIES,
)
@faults_are_final
def paired_features(
    snapshots: pl.LazyFrame,
    horizon_targets: pl.DataFrame,
    channel_snapshots: pl.DataFrame,
    training_pairs: pl.DataFrame,
) -> Iterator[dg.MaterializeResult[pl.DataFrame]]:
    """Pairs of val and test, and the later video's features with the channel as it was at the earlier publication.

    Both sides then see one history: else the later side's would hold what the earlier side reached.
    """
    pairs = training_pairs.filter(pl.col("split").is_in(SCORED))
    captured = Captured(first_captures(snapshots), horizon_targets, channel_snapshots)
    later = features_of(captured, pair_moments(pairs, horizon_targets))
    table, conforms = conforming(PAIRED_FEATURES, pl.concat([pairs, later], how="horizontal"))
    sizes = dict(pairs["split"].value_counts().iter_rows())
    yield dg.MaterializeResult(
        value=table,
        metadata={
            **{f"{part}_pairs": sizes.get(part, 0) for part in SCORED},
            **preview(table, of_api=API in horizon_targets["source"]),
        },
        check_results=[conforms],
    )
