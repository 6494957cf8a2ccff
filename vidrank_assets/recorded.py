"""What runs left in the store: leaderboards, and the folders of runs."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import polars as pl

from vidrank_assets.assets.resources import store_resource
from vidrank_assets.errors import ArtifactMissing
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage

_SNAPSHOTS = "models/snapshots"


def leaderboards(horizons: Sequence[str], strategies: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The latest leaderboards, `results.LEADERBOARD` each.

    Raises ArtifactMissing: there is none for these horizons and strategies.
    """
    store = _store()
    cells = [f"leaderboard/strategy={strategy}/horizon={horizon}" for strategy in strategies for horizon in horizons]
    there = [f"{cell}/data.parquet" for cell in cells if store.exists(f"{cell}/data.parquet")]
    if not there:
        raise ArtifactMissing(
            f"a leaderboard must be made before it is shown; {store.uri('leaderboard')} has none of "
            f"{', '.join(horizons)} with {', '.join(strategies)}. Run vidrank backfill, or materialize it in the UI."
        )
    return (store.read_table(key) for key in there)


def runs() -> pl.DataFrame:
    """One row for each cell of each recorded run, newest first: when, what was best, how good, and what it gains."""
    store = _store()
    rows = [_row(store, folder) for folder in _folders(store) if "/model=" not in folder]
    schema = ("run_id", "made_at", "cell", "families", "best", "rank_metric", "test", "improvement")
    return pl.DataFrame(rows, schema=schema, orient="row").sort("made_at", "cell", descending=[True, False])


def _row(store: Storage, folder: str) -> tuple[object, ...]:
    summary = json.loads(store.read(f"{folder}/metrics_summary.json"))
    best = summary["models"][summary["best"]]
    gain = [best[f"test_improvement{end}"] for end in ("", "_low", "_high")]
    return (
        best["run_id"],
        summary["made_at"],
        f"{best['fusion_strategy']} × {best['horizon_days']}d · {best['information_set']}",
        len(summary["models"]),
        best["model"],
        best["rank_metric"],
        best[f"test_{best['rank_metric']}"],
        None if None in gain else "{:.3f} [{:.3f}, {:.3f}]".format(*gain),
    )


def cells_of(run_id: str) -> list[str]:
    """The folders of a run, one for each cell whose families were all trained, else one for each family.

    Raises ArtifactMissing: no such run was recorded.
    """
    store = _store()
    folders = [folder for folder in _folders(store) if f"/run_id={run_id}/" in folder]
    if not folders:
        known = sorted({folder.split("/")[2].removeprefix("run_id=") for folder in _folders(store)})
        raise ArtifactMissing(
            f"a run must be recorded before it is shown; {run_id!r} is none of {', '.join(known) or 'none at all'}. "
            "See vidrank runs."
        )
    return [folder for folder in folders if "/model=" not in folder] or folders


@contextmanager
def opened(folder: str) -> Iterator[ModelSnapshot]:
    """The snapshot in a run's folder, after every file of it was checked.

    Raises ChecksumMismatch: a file of it was changed.
    """
    with _store().open_artifact(folder) as files:
        yield ModelSnapshot.load(files)


def uri(key: str) -> str:
    """Where something of the store lies."""
    return _store().uri(key)


def _folders(store: Storage) -> list[str]:
    keys = store.keys(_SNAPSHOTS, suffix="/checksums.json")
    return [key.removesuffix("/checksums.json") for key in keys if "/comparison/" not in key]


def _store() -> Storage:
    return store_resource(Settings()).open()
