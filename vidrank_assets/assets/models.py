"""One asset for every model family in the catalog, on every pair of a fusion strategy and a horizon."""

from typing import Any

import dagster as dg
import polars as pl

from vidrank_assets.assets.compute import PLACEMENTS
from vidrank_assets.assets.features import fused_vectors
from vidrank_assets.assets.metadata import OWNER
from vidrank_assets.assets.partitions import by_strategy_and_horizon
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.catalog import FAMILIES
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.selection.evaluation import Trial, trial
from vidrank_assets.selection.task import Cell, LaterSides, Task, task
from vidrank_assets.settings import Settings
from vidrank_assets.tables import METADATA_FEATURES, TRAINING_PAIRS

#: The families that can predict from what a model may know here.
SUITE = tuple(
    name for name, entry in FAMILIES.entries.items() if entry.needs in ("publish", Settings().information_set)
)


class FamilyConfig(dg.Config):
    """What may be set for every family."""

    seed: int = Settings().seed


def family_asset(family: str) -> dg.AssetsDefinition:
    """The asset that fits one family on train, and predicts val, test and their pairs."""
    entry = FAMILIES.entries[family]
    placement = PLACEMENTS[entry.device]

    @dg.asset(
        name=family,
        key_prefix="models",
        group_name="models",
        description=entry.summary,
        kinds={"baseline" if entry.origin == "baseline" else "model"},
        owners=[OWNER],
        partitions_def=by_strategy_and_horizon,
        io_manager_key="artifacts",
        pool=placement.pool,
        op_tags=placement.op_tags,
    )
    def fitted(
        context: dg.AssetExecutionContext,
        config: FamilyConfig,
        fused_embeddings: pl.DataFrame,
        metadata_features: pl.DataFrame,
        paired_features: pl.DataFrame,
        horizon_targets: pl.DataFrame,
        split_manifest: pl.DataFrame,
        store: dg.ResourceParam[FolderStore],
    ) -> dg.MaterializeResult[Trial]:
        work = task(
            _cell(context, horizon_targets),
            metadata_features,
            fused_vectors(store.open(), fused_embeddings),
            split_manifest=split_manifest,
            horizon_targets=horizon_targets,
            later_sides=_later_sides(paired_features),
        )
        made = trial(work, family, seed=config.seed)
        return dg.MaterializeResult(value=made, metadata=_figures(made, work))

    return fitted


def _later_sides(paired_features: pl.DataFrame) -> LaterSides:
    pairs, features = TRAINING_PAIRS.schema.names(), METADATA_FEATURES.schema.names()
    return LaterSides(paired_features.select(pairs), paired_features.select(features))


def _figures(made: Trial, work: Task) -> dict[str, Any]:
    return {
        "train_videos": made.n_train,
        "fit_seconds": made.fit_seconds,
        "predict_ms_per_1k": made.predict_ms_per_1k,
        "information_set": made.cell.information_set,
        **{f"left_out_{reason}": count for reason, count in work.left_out.items()},
    }


def _cell(context: dg.AssetExecutionContext, horizon_targets: pl.DataFrame) -> Cell:
    keys = by_strategy_and_horizon.get_partition_key_from_str(context.partition_key).keys_by_dimension
    return Cell(
        keys["strategy"],
        HORIZONS[keys["horizon"]].days,
        information_set=Settings().information_set,
        data_source=", ".join(horizon_targets["source"].unique().sort()),
    )


model_assets = [family_asset(family) for family in SUITE]
