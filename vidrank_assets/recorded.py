"""What runs left in the store: the latest leaderboards, and the folders of all runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

import polars as pl

from vidrank_assets.errors import ArtifactMissing
from vidrank_assets.results import LEADERBOARD
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.storage import Storage

#: The folders of all runs: `run_id=<run>/strategy=<strategy>/horizon=<horizon>`, with `model=<family>` before the
#: strategy where it is of one family, and `run_id=<run>/comparison`.
SNAPSHOTS = "models/snapshots"


def leaderboards(store: Storage, horizons: Sequence[str], strategies: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The latest leaderboards, `results.LEADERBOARD` each.

    Raises ArtifactMissing: there is none for these horizons and strategies.
    """
    cells = [f"leaderboard/strategy={strategy}/horizon={horizon}" for strategy in strategies for horizon in horizons]
    there = [f"{cell}/data.parquet" for cell in cells if store.exists(f"{cell}/data.parquet")]
    if not there:
        raise ArtifactMissing(
            f"a leaderboard must be made before it is shown; {store.uri('leaderboard')} has none of "
            f"{', '.join(horizons)} with {', '.join(strategies)}. Run vidrank backfill, or materialize it in the UI."
        )
    return (store.read_table(key) for key in there)


def runs(store: Storage) -> pl.DataFrame:
    """One row for each cell of each recorded run, newest first: when, what was best, how good, and what it gains.

    Raises ChecksumMismatch: what a run recorded was changed.
    """
    rows = [_row(_summary(store, folder)) for folder in folders(store)]
    schema = ("run_id", "made_at", "cell", "families", "best", "rank_metric", "test", "over_baseline")
    return pl.DataFrame(rows, schema=schema, orient="row").sort("made_at", "cell", descending=[True, False])


def _row(summary: Mapping[str, Any]) -> tuple[object, ...]:
    best = summary["models"][summary["best"]]
    gain = [best[f"test_improvement{end}"] for end in ("", "_low", "_high")]
    score = best[f"test_{best['rank_metric']}"]
    return (
        best["run_id"],
        summary["made_at"][:16].replace("T", " "),
        f"{best['fusion_strategy']} × {best['horizon_days']}d · {best['information_set']}",
        len(summary["models"]),
        best["model"],
        best["rank_metric"],
        None if score is None else round(score, 3),
        None if None in gain else "{:.3f} [{:.3f}, {:.3f}]".format(*gain),
    )


class AllLeaderboards(NamedTuple):
    """Every leaderboard that was recorded.

    rows: `results.LEADERBOARD`, older runs first. label_counts: by horizon, of the newest run of it.
    other_columns: the folders whose leaderboard was written by a version that measured something else.
    """

    rows: pl.DataFrame
    label_counts: Mapping[str, Mapping[str, Any]]
    other_columns: Sequence[str]


def all_leaderboards(store: Storage) -> AllLeaderboards:
    """The leaderboards of the cells of all runs. Raises ChecksumMismatch: what a run recorded was changed."""
    made = sorted(folders(store), key=lambda folder: (_summary(store, folder)["made_at"], folder))
    tables = {
        folder: pl.read_parquet(BytesIO(store.read_from_artifact(folder, "leaderboard.parquet"))) for folder in made
    }
    kept = {folder: table for folder, table in tables.items() if table.schema == LEADERBOARD.schema}
    counts = {}
    for folder in kept:
        horizon = folder.rpartition("=")[2]
        counts[horizon] = json.loads(store.read_from_artifact(folder, "data_summary.json"))["label_counts"]
    rows = pl.concat([LEADERBOARD.empty(), *kept.values()])
    return AllLeaderboards(rows, counts, [folder for folder in made if folder not in kept])


def cells_of(store: Storage, run_id: str) -> list[str]:
    """The folders of a run, one for each cell whose families were all trained, by strategy and by days.

    Raises ArtifactMissing: no such run was recorded.
    """
    found = folders(store)
    of_run = [folder for folder in found if folder.startswith(f"{SNAPSHOTS}/run_id={run_id}/")]
    if not of_run:
        known = sorted({folder.split("/")[2].removeprefix("run_id=") for folder in found})
        raise ArtifactMissing(
            f"a run must have been recorded; {run_id!r} is none of: {', '.join(known) or 'none at all'}. "
            "vidrank runs lists them."
        )
    return sorted(of_run, key=_place)


def _place(folder: str) -> tuple[str, int]:
    """Cells in the order of their strategies, and then of their horizons in days."""
    before, _, horizon = folder.rpartition("=")
    return before, int(horizon.removesuffix("d"))


@contextmanager
def opened(store: Storage, folder: str) -> Iterator[ModelSnapshot]:
    """The snapshot in a run's folder, after every file of it was checked.

    Raises ChecksumMismatch: a file of it was changed.
    """
    with store.open_artifact(folder) as files:
        yield ModelSnapshot.load(files)


def folders(store: Storage) -> list[str]:
    """The folders of all runs' cells, sorted; a folder whose writer was killed is none."""
    keys = store.keys(SNAPSHOTS, suffix="/checksums.json")
    kept = [key.removesuffix("/checksums.json") for key in keys if "/model=" not in key]
    return [folder for folder in kept if not folder.endswith("/comparison")]


def _summary(store: Storage, folder: str) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(store.read_from_artifact(folder, "metrics_summary.json"))
    return summary
