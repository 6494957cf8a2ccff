"""The whole graph on an instance and a store of its own, by the command line or in this process."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vidrank_assets import runs
from vidrank_assets.assets.models import SUITE
from vidrank_assets.assets.run_id import BACKFILL
from vidrank_assets.runs import Runner
from vidrank_assets.selection.task import SLICES
from vidrank_assets.storage import Storage

ROOT = Path(__file__).parents[2]

#: What the clock decides, and what names a run: no two runs have them in common.
WALL_CLOCK = ("embedded_at", "fused_at", "run_id", "fit_seconds", "predict_ms_per_1k", "is_pareto")

CELL = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})
#: Where a run keeps that cell, below the folder of the run or of one family of it.
CELL_FOLDER = "strategy=concat/horizon=7d"

CAPTURE = """
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.runs import runner
options = {options!r}
with runner(print) as runs:
    runs.capture(SampleWorld(**options), options)
"""

#: Follows `CAPTURE`: all that a training at 7 days reads.
PREPARE = """
    runs._run("refresh_targets", "7d", partition_key="7d", ops={ops!r})
    for strategy in ("concat", "sum_pool", "max_pool"):
        runs.fuse(strategy)
"""

TRAIN = """
from vidrank_assets.runs import runner
with runner(print) as runs:
    runs._run("train_suite", "", partition_key={cell!r}, tags={tags!r}, ops={ops!r})
"""

#: What is in the folder of a run, beside its models and their curves.
ARTIFACTS = {
    "config_used.json", "data_summary.json", "metrics_summary.json", "split_manifest.parquet", "leaderboard.csv",
    "predictions/val.parquet", "predictions/test.parquet", "checksums.json",
    *(f"slice_metrics_{by}.json" for by in SLICES),
}  # fmt: skip
#: Formats in which nothing is unpickled; the last is TensorBoard's, of messages of Protocol Buffers.
SAFE = {".safetensors", ".skops", ".txt", ".json", ".npz", ".arrow", ".tfevents"}

#: So small a world has videos enough for a split, and pairs in its test part, only when all are dealt by lot.
WORLD = {"n_channels": "20", "n_days": "28"}
BY_LOT = {"split_manifest": {"config": {"inclusion": "all", "policy": "random"}}}

#: Nets that take little time.
QUICK_NETS = {
    "gbdt": {"config": {"projector_epochs": 2, "max_rounds": 30}},
    "concat_mlp": {"config": {"hidden": [32], "max_epochs": 3}},
    "gated_fusion_mlp": {"config": {"tower": 16, "max_epochs": 3, "seed": 7}},
    "pairwise_ranker": {"config": {"max_epochs": 2}},
}
#: Nothing of it is the usual configuration.
OTHERWISE = QUICK_NETS | {
    "ridge": {"config": {"alphas": [3.0, 30.0]}},
    "ranked_families": {"config": {"resamples": 200, "seed": 3, "ensemble": {"n_bags": 5}}},
}


def training(run_id: str) -> str:
    """A script that trains every family on one cell, as `OTHERWISE` says."""
    return TRAIN.format(cell=str(CELL), tags={BACKFILL: run_id}, ops=OTHERWISE)


#: Secrets as a user may have set them: none of them may ever be written.
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "planted-in-the-variable",
    "VIDRANK_S3_ENDPOINT": "http://somebody:planted-in-the-url@127.0.0.1:1",
}


class Home:
    """A folder with an instance in it, and the commands that are run there. variables: added to the environment."""

    def __init__(self, folder: Path, **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", folder)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VIDRANK_", "DAGSTER_"))}
        # The numbers must not depend on the number of threads, and one is fastest on so few rows.
        self.environment = {**inherited, "DAGSTER_HOME": str(folder), "OMP_NUM_THREADS": "1", **variables}
        self.folder = folder
        self.store = Storage(str(folder / "vidrank"))

    def copied(self, folder: Path) -> "Home":
        """The same home in another place: what is done there is not done here."""
        shutil.copytree(self.folder, folder)
        return Home(folder)

    def vidrank(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The result of `vidrank …`, run as a user would."""
        return self._run([str(Path(sys.executable).with_name("vidrank")), *words], **variables)

    def capture(self, **options: str) -> None:
        """Capture a sample world, by default a small one."""
        self.succeeds(CAPTURE.format(options={"n_channels": "12", "n_days": "40"} | options))

    def train(self, run_id: str, **variables: str) -> None:
        """Train every family on one cell, configured otherwise than usual, in a process of its own."""
        self.succeeds(training(run_id), **variables)

    def succeeds(self, script: str, **variables: str) -> None:
        """Run Python in a process of its own."""
        done = self.python(script, **variables)
        assert done.returncode == 0, done.stdout + done.stderr

    def python(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The result of `python -c …`."""
        return self._run([sys.executable, "-c", script], **variables)

    def _run(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **variables}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=800, check=False
        )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Home:
    """A small world, captured, labelled at 7 days and fused; tests copy it and don't write there."""
    home = Home(tmp_path_factory.mktemp("prepared") / "home")
    home.succeeds(CAPTURE.format(options=WORLD) + PREPARE.format(ops=BY_LOT))
    return home


@pytest.fixture(scope="session")
def trained(prepared, tmp_path_factory) -> Home:
    """One cell trained twice, as the runs `one` and `two`, by processes that hash strings otherwise.

    Secrets are in the environment of the first. Tests copy it and don't write there.
    """
    home = prepared.copied(tmp_path_factory.mktemp("trained") / "home")
    home.train("one", PYTHONHASHSEED="1", **SECRETS)
    home.train("two", PYTHONHASHSEED="2")
    return home


@pytest.fixture
def home(tmp_path) -> Home:
    """An instance on which nothing ran yet."""
    return Home(tmp_path / "home")


@contextmanager
def running_in(home: Home) -> Iterator[Runner]:
    """Runs the jobs of a home in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home.folder))
        patch.delenv("VIDRANK_STORAGE", raising=False)
        runs._loaded.cache_clear()  # definitions hold the store of the home that they were loaded in
        try:
            with runs.runner(lambda _: None) as runner:
                yield runner
        finally:
            runs._loaded.cache_clear()


def assert_run_folders_are_whole(stored: Mapping[str, bytes], run_id: str) -> None:
    """Every artifact of a run of `CELL` is there, of all families and of each of them, with the right SHA-256.

    stored: what is stored, by key.
    """
    run = f"models/snapshots/run_id={run_id}"
    assert_run_folder_is_whole(stored, f"{run}/{CELL_FOLDER}", [*SUITE, "ensemble"])
    assert f"{run}/{CELL_FOLDER}/report.html" in stored
    for family in SUITE:
        assert_run_folder_is_whole(stored, f"{run}/model={family}/{CELL_FOLDER}", [family])


def assert_run_folder_is_whole(stored: Mapping[str, bytes], folder: str, families: list[str]) -> None:
    files = {key.removeprefix(f"{folder}/"): held for key, held in stored.items() if key.startswith(f"{folder}/")}
    assert ARTIFACTS | {f"curves/{family}.json" for family in families} <= set(files)
    assert {name.split("/")[1] for name in files if name.startswith("models/")} == set(families)
    assert {Path(name).suffix for name in files if name.startswith("models/")} <= SAFE
    sums = {name: hashlib.sha256(held).hexdigest() for name, held in files.items() if name != "checksums.json"}
    assert json.loads(files["checksums.json"]) == sums


def timeless(table: pl.DataFrame) -> pl.DataFrame:
    """The table without the columns that differ between any two runs, in an order of its own."""
    kept = table.drop(WALL_CLOCK, strict=False)
    sortable = [name for name, dtype in kept.schema.items() if not dtype.is_nested()]
    return kept.sort(sortable)


def tables(store: Storage) -> dict[str, pl.DataFrame]:
    """Every Parquet file of a store, by key."""
    return {key: timeless(store.read_table(key)) for key in store.keys("", suffix=".parquet")}
