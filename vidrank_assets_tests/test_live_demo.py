import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from vidrank_assets import live_demo
from vidrank_assets.errors import InvalidInput


@pytest.mark.slow
def test_the_demo_captures_three_days_with_the_real_client_and_says_that_they_are_synthetic(tmp_path):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VIDRANK_", "DAGSTER_"))}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("vidrank")), "demo", "--live-stand-in"],
        env={**inherited, "DAGSTER_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "what it says is synthetic" in done.stdout
    days = [line for line in done.stdout.splitlines() if "the stand-in charged" in line]
    assert [line[:10] for line in days] == ["2026-02-10", "2026-02-11", "2026-02-12"]
    rows = pl.read_parquet(tmp_path / "stand_in/vidrank/snapshots/*/data.parquet", hive_partitioning=False)
    per_day = rows.group_by(pl.col("captured_at").dt.date()).agg(
        pl.len(), pl.col("video_id").n_unique().alias("videos")
    )
    assert per_day.height == 3
    assert (per_day["len"] == per_day["videos"]).all()


def test_outside_a_checkout_the_demo_says_where_its_stand_in_is(monkeypatch, tmp_path):
    monkeypatch.setattr(live_demo, "_ROOT", tmp_path)
    with pytest.raises(InvalidInput, match="in vidrank_assets_tests of a checkout"), live_demo._stand_in():
        pytest.fail("a stand-in out of nowhere")
