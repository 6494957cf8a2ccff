"""The whole graph on an instance and a store of its own, by the command line or in this process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import polars as pl
import pytest

from vidrank_assets import runs
from vidrank_assets.runs import Runner
from vidrank_assets.storage import Storage

ROOT = Path(__file__).parents[2]

#: What the clock decides, and what names a run: no two runs have them in common.
WALL_CLOCK = ("embedded_at", "fused_at", "run_id", "fit_seconds", "predict_ms_per_1k")

CAPTURE = """
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.runs import runner
options = {options!r}
with runner(print) as runs:
    runs.capture(SampleWorld(**options), options)
"""


class Home:
    """A folder with an instance in it, and the commands that are run there. variables: added to the environment."""

    def __init__(self, folder: Path, **variables: str) -> None:
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", folder)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VIDRANK_", "DAGSTER_"))}
        # The numbers must not depend on the number of threads, and one is fastest on so few rows.
        self.environment = {**inherited, "DAGSTER_HOME": str(folder), "OMP_NUM_THREADS": "1", **variables}
        self.folder = folder
        self.store = Storage(str(folder / "vidrank"))

    def vidrank(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The result of `vidrank …`, run as a user would."""
        return self._run([str(Path(sys.executable).with_name("vidrank")), *words], **variables)

    def capture(self, **options: str) -> None:
        """Capture a sample world, by default a small one."""
        options = {"n_channels": "12", "n_days": "40"} | options
        done = self._run([sys.executable, "-c", CAPTURE.format(options=options)])
        assert done.returncode == 0, done.stderr

    def _run(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **variables}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=800, check=False
        )


@pytest.fixture
def home(tmp_path) -> Home:
    """An instance on which nothing ran yet."""
    return Home(tmp_path / "home")


@pytest.fixture
def running_in(monkeypatch) -> Callable[[Home], AbstractContextManager[Runner]]:
    """Runs the jobs of a home in this process."""

    @contextmanager
    def running(home: Home) -> Iterator[Runner]:
        with monkeypatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(home.folder))
            patch.delenv("VIDRANK_STORAGE", raising=False)
            runs._loaded.cache_clear()  # definitions hold the store of the home that they were loaded in
            try:
                with runs.runner(lambda _: None) as runner:
                    yield runner
            finally:
                runs._loaded.cache_clear()

    return running


def timeless(table: pl.DataFrame) -> pl.DataFrame:
    """The table without the columns that differ between any two runs, in an order of its own."""
    kept = table.drop(WALL_CLOCK, strict=False)
    sortable = [name for name, dtype in kept.schema.items() if not dtype.is_nested()]
    return kept.sort(sortable)


def tables(store: Storage) -> dict[str, pl.DataFrame]:
    """Every Parquet file of a store, by key; of an artifact's, the folder that is named at random is left out."""
    named = {key: key.split("/") for key in store.keys("", suffix=".parquet")}
    return {
        "/".join([*parts[:4], parts[-1]] if parts[0] == "models" else parts): timeless(store.read_table(key))
        for key, parts in named.items()
    }
