import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from vidrank_assets_tests.secret_scan import KEY, files_with, forms

#: Each test leaves the key in another place, in the order of `PLACES`.
PLANTING = """
import gzip, logging, os, sqlite3, sys, urllib.parse, warnings, zlib
from base64 import b64encode
import numpy as np, polars as pl, pytest
from vidrank_assets_tests.secret_scan import KEY

def test_file(tmp_path):
    (tmp_path / "run.log").write_text(f"GET /youtube/v3/videos?key={KEY}")

def test_page(tmp_path):
    (tmp_path / "page.json.gz").write_bytes(gzip.compress(KEY.encode()))

def test_table(tmp_path):
    table = pl.DataFrame({"n": range(1000), "found": [f"{i} {KEY if i == 700 else ''}" for i in range(1000)]})
    table.write_parquet(tmp_path / "data.parquet", compression="zstd")

def test_nested_column(tmp_path):
    pl.DataFrame({"tags": [["a", KEY]]}).write_parquet(tmp_path / "tags.parquet", compression="zstd")

def test_vectors(tmp_path):
    np.savez_compressed(tmp_path / "shard.npz", video_ids=np.array([KEY.encode() + b"1"]))

def test_events(tmp_path):
    with sqlite3.connect(tmp_path / "runs.db") as events:
        events.execute("CREATE TABLE snapshots (body BLOB)")
        events.execute("INSERT INTO snapshots VALUES (?)", [zlib.compress(b"run " + KEY.encode())])

def test_encoded(tmp_path):
    (tmp_path / "headers").write_bytes(b64encode(b"X-Goog-Api-Key: " + KEY.encode()))

def test_said():
    print(KEY)

def test_said_by_a_process():
    os.write(2, KEY.encode())

def test_logged():
    logging.getLogger("vidrank").error("asked with %s", KEY)

def test_warned():
    warnings.warn(f"{KEY} is old")

@pytest.fixture
def broken():
    raise RuntimeError(KEY)

def test_that_fails():
    raise RuntimeError(KEY)

def test_that_cannot_begin(broken):
    pass
"""
PLACES = [
    "run.log", "page.json.gz (decompressed)", "data.parquet (column found)", "tags.parquet (column tags)",
    "shard.npz (video_ids.npy)", "runs.db (table snapshots) (decompressed)", "headers",
    "Captured stdout call of test_it.py::test_said", "Captured stderr call of test_it.py::test_said_by_a_process",
    "Captured log call of test_it.py::test_logged", "warning of test_it.py::test_warned",
    "failure of test_it.py::test_that_fails", "failure of test_it.py::test_that_cannot_begin",
]  # fmt: skip
HARMLESS = """
import os
from vidrank_assets_tests.secret_scan import KEY

def test_it(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDRANK_YOUTUBE_API_KEY", KEY)
    (tmp_path / "run.log").write_text(KEY[:-1])
"""


@pytest.fixture
def run() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs pytest on a file of tests, in a folder which is gone before the run around it is looked through."""
    with TemporaryDirectory() as folder:

        def ran(tests: str, *options: str) -> subprocess.CompletedProcess[str]:
            Path(folder, "test_it.py").write_text(tests)
            plugins = ["-p", "vidrank_assets_tests.secret_scan", "-p", "no:cacheprovider"]
            return subprocess.run(
                [sys.executable, "-m", "pytest", "--basetemp", f"{folder}/tmp", *plugins, *options, "test_it.py"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        yield ran


@pytest.mark.parametrize("workers", ["-n0", pytest.param("-n2", marks=pytest.mark.slow)])
def test_a_run_that_leaves_the_key_anywhere_fails_and_says_where(run, workers):
    done = run(PLANTING, workers)
    assert done.returncode == 1
    told = done.stdout.partition("It must be nowhere in what a test run leaves. Keep it out of:\n")[2]
    assert [place for place in PLACES if not any(line.endswith(place) for line in told.splitlines())] == []


def test_tests_that_pass_and_leave_the_key_fail_the_run(run):
    done = run(PLANTING, "-n0", "-k", "test_file")
    assert "1 passed" in done.stdout
    assert done.returncode == 1


def test_a_run_that_has_the_key_in_its_environment_only_passes(run):
    done = run(HARMLESS, "-n0")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("before", [b"", b"?", b"??", b"???"])
def test_every_form_of_a_secret_is_known_wherever_it_begins(before):
    secret = "wh4t/ever+it is"
    encoded = b64encode(before + secret.encode() + b"...")
    assert sum(form in encoded for form in forms(secret)) == 1
    assert b"%77%68%34%74%2F%65%76%65%72%2B%69%74%20%69%73" in forms(secret)


def test_what_is_damaged_or_no_file_is_passed_over(tmp_path):
    for name, head in (("a.gz", b"\x1f\x8b"), ("b.zip", b"PK"), ("c.parquet", b"PAR1"), ("d.db", b"SQLite format 3\0")):
        (tmp_path / name).write_bytes(head + b"cut")
    (tmp_path / "e.db").write_bytes(b"SQLite format 3\0" + KEY[:3].encode())
    (tmp_path / "nowhere").symlink_to("nothing")
    assert files_with(KEY, tmp_path) == []
