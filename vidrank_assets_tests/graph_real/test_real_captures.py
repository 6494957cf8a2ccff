"""Real captures through the command line, as a user would: imported in one process, learned from in the next."""

import csv
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import polars as pl
import pytest

from vidrank_assets.catalog import FAMILIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROJECT = Path(__file__).parents[2]
ARCHIVE = "trending-2025-2026.tar.xz"
N_ROWS, N_VIDEOS, N_DAYS = 110_340, 21_480, 173


@pytest.fixture(scope="module")
def captures(tmp_path_factory) -> Path:
    """The daily files of the most-popular list, unpacked."""
    folder = os.environ.get("VIDRANK_REAL_DATA")
    if folder is None or not (Path(folder) / ARCHIVE).is_file():
        pytest.skip(f"VIDRANK_REAL_DATA must be a folder with {ARCHIVE}; it is {folder or 'not set'}")
    unpacked = tmp_path_factory.mktemp("captures")
    with tarfile.open(Path(folder) / ARCHIVE) as archive:
        archive.extractall(unpacked, filter="data")
    return unpacked


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", folder)
    return folder


@pytest.fixture(scope="module")
def vidrank(home):
    """Runs a command in a process of its own and gives what it printed; a fault of it fails the test."""
    ours = {
        "DAGSTER_HOME": str(home),
        "VIDRANK_FIRST_DAY": "2025-12-10",
        "VIDRANK_INCLUSION": "all",
        "OMP_NUM_THREADS": "1",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIDRANK_")}

    def run(*arguments: str) -> str:
        command = [str(Path(sys.executable).with_name("vidrank")), *arguments]
        done = subprocess.run(command, check=False, env=inherited | ours, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def printed(vidrank, captures) -> dict[str, str]:
    """What both commands printed."""
    imported = vidrank("import", str(captures), "--mapping", "trending_daily")
    return {"import": imported, "backfill": vidrank("backfill", "--horizon", "7d", "--strategy", "concat")}


@pytest.fixture(scope="module")
def stored(home, printed):
    """A table as it is stored, all partitions together."""
    return lambda table: pl.read_parquet(home / "vidrank" / table / "**/*.parquet", hive_partitioning=False)


@pytest.fixture(scope="module")
def written(captures) -> list[dict[str, str]]:
    """The rows of the files, as the standard library reads them."""
    rows = []
    for path in captures.rglob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows += [{name: row[name] for name in ("views", "likes", "comments")} for row in csv.DictReader(file)]
    return rows


def test_every_row_of_the_files_is_kept_or_rejected(written, printed, stored):
    kept, rejected = stored("snapshots"), stored("rejected_captures")
    assert len(written) == N_ROWS == kept.height + rejected.height
    assert f"{N_DAYS} days captured. Rejected rows: none" in printed["import"] and rejected.is_empty()
    assert kept["video_id"].n_unique() == N_VIDEOS
    assert kept["source"].unique().to_list() == ["archive:trending_daily"]


def test_a_counter_that_the_collector_writes_as_zero_is_not_known(written, stored):
    counters = stored("snapshots").select(views="view_count", likes="like_count", comments="comment_count")
    for name in counters.columns:
        assert counters[name].min() > 0
        assert counters[name].null_count() == sum(row[name] in ("", "0") for row in written) > 0


def test_labels_are_as_many_as_pandas_finds_in_the_files(stored):
    """Counted apart from this package: nearest capture within 12 h, else both sides within 72 h, zero views unknown."""
    labels = stored("horizon_targets")
    types = dict(labels["horizon_label_type"].value_counts().iter_rows())
    assert types == {"observed": 3_459, "interpolated": 27, "missing": N_VIDEOS - 3_486}
    assert labels.filter(pl.col("target_log").is_finite()).height == 3_486


def test_all_labelled_videos_are_dealt_and_the_newest_are_the_test(stored):
    dealt = stored("split_manifest").join(stored("horizon_targets").select("video_id", "published_at"), on="video_id")
    assert dict(dealt["split"].value_counts().iter_rows()) == {"train": 2_440, "val": 523, "test": 523}
    first = dealt.group_by("split").agg(oldest=pl.col("published_at").min(), newest=pl.col("published_at").max())
    spans = {split: span for split, *span in first.iter_rows()}
    assert spans["train"][1] <= spans["val"][0] and spans["val"][1] <= spans["test"][0]


def test_the_leaderboard_ranks_every_family_with_finite_metrics(printed, stored):
    board = stored("leaderboard")
    asked = {name for name, entry in FAMILIES.entries.items() if entry.needs == "publish"}
    assert set(board["model"]) == {*asked, "ensemble"}
    assert set(board.filter("is_baseline")["model"]) == {n for n in asked if FAMILIES.entries[n].origin == "baseline"}
    metrics = ("rmse_log", "mae_log", "r2_log", "rmse_raw", "mae_raw", "pairwise_auc", "rank_low", "rank_high")
    for part in ("val", "test"):
        figures = board.select(f"{part}_{name}" for name in metrics).to_numpy()
        assert (abs(figures) < float("inf")).all()
    assert board["val_rmse_log"].is_sorted() and board["n_test"].unique().to_list() == [523]
    assert "7d · concat · publish · archive:trending_daily" in printed["backfill"]
    learned = board.filter(pl.col("model") == "metadata_lightgbm")["test_rmse_log"].item()
    assert learned < 0.9 * board.filter(pl.col("model") == "train_mean")["test_rmse_log"].item()
