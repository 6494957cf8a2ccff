"""A recorded run, made again from its record: nothing of what is stored changes."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import polars as pl

from vidrank_assets.assets.vectors import fused_vectors
from vidrank_assets.errors import ArtifactMissing, ChecksumMismatch, InvalidInput
from vidrank_assets.recorded import SNAPSHOTS
from vidrank_assets.selection.ensemble import EnsembleParameters, ensemble_trial
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard
from vidrank_assets.selection.model_snapshot import SWEPT
from vidrank_assets.selection.task import Cell, OfHorizon, Task, task
from vidrank_assets.storage import Storage


def retrained(store: Storage, config: Mapping[str, Any], *, run_id: str) -> pl.DataFrame:
    """`results.LEADERBOARD` of the families and the ensemble that a `config_used` describes, trained again.

    Raises InvalidInput: what they learned from was removed, a table that they read has other content now, or a family
    does not take its parameters any more. UnknownName: a family is no longer listed.
    """
    _assert_kept(store, Cell(**config["cell"]), run_id)
    work = _task(store, config)
    families = config["families"].items()
    trials = [trial(work, name, seed=made["seed"], parameters=made["parameters"]) for name, made in families]
    ranking = config["ranking"]
    trials.append(ensemble_trial(trials, seed=ranking["seed"], parameters=EnsembleParameters(**ranking["ensemble"])))
    ranked_by = Ranking(ranking["rank_metric"], resamples=ranking["resamples"], seed=ranking["seed"])
    return leaderboard(trials, [each.name for each in trials], run_id=run_id, ranking=ranked_by)


def _assert_kept(store: Storage, cell: Cell, run_id: str) -> None:
    folder = f"{SNAPSHOTS}/run_id={run_id}/strategy={cell.fusion_strategy}/horizon={cell.horizon_days}d"
    if store.exists(f"{folder}/{SWEPT}"):
        swept = json.loads(store.read_from_artifact(folder, SWEPT))
        raise InvalidInput(
            f"a run is made again from what it learned from; that of {run_id} was removed on {swept['at'][:10]}, "
            f"because {swept['why']}. Its models and metrics are kept; train a new run for new ones."
        )


def _task(store: Storage, config: Mapping[str, Any]) -> Task:
    cell = Cell(**config["cell"])
    tables = _tables(store, config, strategy=cell.fusion_strategy, horizon=f"{cell.horizon_days}d")
    fused = fused_vectors(store, tables.pop("fused_embeddings"), unfused=True)
    if unread := sorted({each.name for each in fields(OfHorizon)} - tables.keys()):
        raise InvalidInput(
            f"a run is made again by the version that made it, or one that reads the same tables; this one also reads "
            f"{', '.join(unread)}. Check out the commit that the run recorded, or train a new run."
        )
    return task(cell, OfHorizon(**tables), fused)


def _tables(store: Storage, config: Mapping[str, Any], *, strategy: str, horizon: str) -> dict[str, pl.DataFrame]:
    """The tables that every family read, each with the content that it had then."""
    read = {pair for made in config["families"].values() for pair in made["data_versions"].items()}
    tables, changed = {}, set()
    for name, sha256 in sorted(read):
        partition = f"strategy={strategy}" if name == "fused_embeddings" else f"horizon={horizon}"
        try:
            tables[name] = store.read_table(f"{name}/{partition}/data.parquet", sha256=sha256)
        except (ArtifactMissing, ChecksumMismatch):
            changed.add(name)
    if changed:
        raise InvalidInput(
            f"a run is made again from the tables that it read; of {strategy} × {horizon}, "
            f"{', '.join(sorted(changed))} were materialized with other content since. "
            "Restore the store of that time, or train a new run."
        )
    return tables
