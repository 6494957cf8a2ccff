"""What each modality is worth: made when it is asked for, since every family is fitted again without each of them."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from vidrank_assets.assets.compute import PLACEMENTS
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, schema_metadata, table_metadata
from vidrank_assets.assets.models import BASELINES, MODEL_SNAPSHOT, SUITE, data_versions, task_of
from vidrank_assets.assets.partitions import by_strategy_and_horizon
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.run_id import run_id_of
from vidrank_assets.assets.selection import LeaderboardConfig
from vidrank_assets.assets.vectors import fused_vectors
from vidrank_assets.errors import InvalidInput
from vidrank_assets.results import MODALITY_ABLATION
from vidrank_assets.selection import ablation
from vidrank_assets.selection.leaderboard import Ranking
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.selection.task import OfHorizon

_ABLATED = [family for family in SUITE if family not in BASELINES]


@dg.asset(
    group_name="selection",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(MODALITY_ABLATION),
    partitions_def=by_strategy_and_horizon,
    ins={family: dg.AssetIn(key=["models", family], dagster_type=MODEL_SNAPSHOT) for family in _ABLATED},
    io_manager_key="tables",
    pool=PLACEMENTS["gpu"].pool,
    op_tags=dict(PLACEMENTS["gpu"].op_tags),
    retry_policy=RETRIES,
)
@faults_are_final
def modality_ablation(
    context: dg.AssetExecutionContext,
    config: LeaderboardConfig,
    fused_embeddings: pl.DataFrame,
    metadata_features: pl.DataFrame,
    horizon_targets: pl.DataFrame,
    split_manifest: pl.DataFrame,
    training_pairs: pl.DataFrame,
    paired_features: pl.DataFrame,
    ranking_targets: pl.DataFrame,
    store: dg.ResourceParam[FolderStore],
    **snapshots: Any,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Every family, fitted again without each modality and scored on the same videos, with the interval of its loss."""
    tables = OfHorizon(
        metadata_features, horizon_targets, split_manifest, training_pairs, paired_features, ranking_targets
    )
    work = task_of(context, tables, fused_vectors(store.open(), fused_embeddings, unfused=True))
    ranking = Ranking(config.rank_metric, resamples=config.resamples, seed=config.seed)
    keys = by_strategy_and_horizon.get_partition_key_from_str(context.partition_key).keys_by_dimension
    assert_of_these_tables(snapshots, data_versions(context.instance, **keys))
    trials = [snapshots[family].trial for family in _ABLATED]
    made = ablation.modality_ablation(work, trials, run_id=run_id_of(context.run), ranking=ranking)
    return dg.MaterializeResult(
        value=made.table,
        metadata={
            "left_out": dg.MetadataValue.json(dict(made.left_out)),
            "ablation": table_metadata(made.table, rows=made.table.height),
        },
    )


def assert_of_these_tables(snapshots: Mapping[str, ModelSnapshot], stored: Mapping[str, str]) -> None:
    """A change of a table since the fit would be taken for the worth of a modality.

    Raises InvalidInput: a family was fitted on other content than what is stored.
    """
    read = {family: each.config["families"][family]["data_versions"] for family, each in snapshots.items()}
    if other := sorted(family for family, versions in read.items() if versions != stored):
        raise InvalidInput(
            f"families are compared with themselves on the tables that they were fitted on; {', '.join(other)} read "
            "others than those stored now. Materialize them again."
        )
