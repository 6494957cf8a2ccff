"""Every model family of the catalog as an asset, on every pair of a fusion strategy and a horizon.

The baselines are cheap, and so are the peers of the ranker: one step joins the rows once and fits them all. Every other
family is a step of its own, which is retried, configured and materialized by itself.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from vidrank_assets.assets.compute import PLACEMENTS
from vidrank_assets.assets.family_config import Chosen, chosen, step_config
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.io_managers import recorded_sha256
from vidrank_assets.assets.metadata import OWNER
from vidrank_assets.assets.partitions import by_strategy_and_horizon, folder_of
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.run_id import run_id_of
from vidrank_assets.assets.vectors import fused_vectors
from vidrank_assets.catalog import FAMILIES
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.models.base import load_family
from vidrank_assets.selection.evaluation import Trial, trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard, slice_metrics
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.selection.run_record import config_used, data_summary
from vidrank_assets.selection.task import Cell, OfHorizon, Task, task
from vidrank_assets.settings import Settings

#: The families that can predict from what a model may know here.
SUITE = tuple(
    name for name, entry in FAMILIES.entries.items() if entry.needs in ("publish", Settings().information_set)
)
BASELINES, PEERS = (
    tuple(name for name in SUITE if FAMILIES.entries[name].origin == origin) for origin in ("baseline", "peer")
)

_OF_HORIZON = tuple(each.name for each in fields(OfHorizon))


def families_asset(step: str, families: Sequence[str]) -> dg.AssetsDefinition:
    """The step that fits some families on train, and has each predict val, test and their pairs."""
    placement = PLACEMENTS["gpu" if any(FAMILIES.entries[name].device == "gpu" for name in families) else "cpu"]
    Config = step_config(step, families)

    @dg.multi_asset(
        name=step,
        outs={family: _out(family) for family in families},
        can_subset=True,
        partitions_def=by_strategy_and_horizon,
        pool=placement.pool,
        op_tags=dict(placement.op_tags),
        retry_policy=RETRIES,
    )
    @faults_are_final
    def fitted(
        context: dg.AssetExecutionContext,
        config: Config,  # type: ignore[valid-type]
        fused_embeddings: pl.DataFrame,
        metadata_features: pl.DataFrame,
        horizon_targets: pl.DataFrame,
        split_manifest: pl.DataFrame,
        training_pairs: pl.DataFrame,
        paired_features: pl.DataFrame,
        ranking_targets: pl.DataFrame,
        store: dg.ResourceParam[FolderStore],
    ) -> Iterator[dg.MaterializeResult[ModelSnapshot]]:
        asked = [name for name in families if dg.AssetKey(["models", name]) in context.selected_asset_keys]
        unfused = any(load_family(name).reads_modalities for name in asked)
        tables = OfHorizon(
            metadata_features, horizon_targets, split_manifest, training_pairs, paired_features, ranking_targets
        )
        work = task_of(context, tables, fused_vectors(store.open(), fused_embeddings, unfused=unfused))
        yield from _recorded(context, work, tables, {name: chosen(config, families)[name] for name in asked})

    return fitted


def _recorded(
    context: dg.AssetExecutionContext, work: Task, tables: OfHorizon, asked: Chosen
) -> Iterator[dg.MaterializeResult[ModelSnapshot]]:
    """Each of some families, fitted, and the record of it."""
    keys = by_strategy_and_horizon.get_partition_key_from_str(context.partition_key).keys_by_dimension
    versions, data = data_versions(context.instance, **keys), data_summary(work, tables.horizon_targets)
    of_cell = Path(Settings().training_folder, folder_of(by_strategy_and_horizon, context.partition_key))
    ranking, run_id = Ranking(Settings().rank_metric), run_id_of(context.run)
    for name, settings in asked.items():
        parameters = {parameter: value for parameter, value in settings.items() if parameter != "seed"}
        made = trial(work, name, seed=settings["seed"], parameters=parameters, workplace=of_cell / name)
        snapshot = ModelSnapshot(
            trials=[made],
            leaderboard=leaderboard([made], [name], run_id=run_id, ranking=ranking),
            slice_metrics=slice_metrics([made], run_id=run_id),
            split_manifest=tables.split_manifest,
            config=config_used(work, [made], data_versions=versions),
            data=data,
            made_at=datetime.now(UTC),
        )
        yield dg.MaterializeResult(asset_key=["models", name], value=snapshot, metadata=_figures(made, work))
        shutil.rmtree(of_cell / name, ignore_errors=True)  # it is stored: the next run trains anew


def _out(family: str) -> dg.AssetOut:
    entry = FAMILIES.entries[family]
    return dg.AssetOut(
        key=["models", family],
        io_manager_key="artifacts",
        dagster_type=MODEL_SNAPSHOT,
        is_required=False,
        group_name="models",
        description=entry.summary,
        kinds={"baseline" if entry.origin == "baseline" else "model"},
        owners=[OWNER],
    )


#: One type for all: Dagster does not take two of one name.
MODEL_SNAPSHOT = dg.PythonObjectDagsterType(ModelSnapshot)


def data_versions(instance: dg.DagsterInstance, *, strategy: str, horizon: str) -> dict[str, str]:
    """The SHA-256 of each table that the families of a cell read."""
    read = dict.fromkeys(_OF_HORIZON, horizon) | {"fused_embeddings": strategy}
    return {name: recorded_sha256(instance, dg.AssetKey(name), partition) for name, partition in sorted(read.items())}


def task_of(context: dg.AssetExecutionContext, tables: OfHorizon, fused: Vectors) -> Task:
    """The rows of one cell, joined once for all families of a step."""
    keys = by_strategy_and_horizon.get_partition_key_from_str(context.partition_key).keys_by_dimension
    cell = Cell(
        keys["strategy"],
        HORIZONS[keys["horizon"]].days,
        information_set=Settings().information_set,
        data_source=", ".join(tables.horizon_targets["source"].unique().sort()),
    )
    return task(cell, tables, fused)


def _figures(made: Trial, work: Task) -> Mapping[str, Any]:
    return {
        "train_videos": made.n_train,
        "fit_seconds": made.fit_seconds,
        "predict_ms_per_1k": made.predict_ms_per_1k,
        "information_set": made.cell.information_set,
        **made.findings.facts,
        **{f"left_out_{reason}": count for reason, count in work.left_out.items()},
    }


#: The families of each step, by its name.
STEPS = {"baselines": BASELINES, "peers": PEERS} | {name: (name,) for name in SUITE if name not in (*BASELINES, *PEERS)}
model_assets = [families_asset(step, families) for step, families in STEPS.items()]
