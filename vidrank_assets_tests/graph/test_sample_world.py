"""The sample world has known answers, and the graph finds them: what it shows of itself, no baseline explains."""

import pytest

from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.catalog import FAMILIES
from vidrank_assets.selection.bootstrap import improvement
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.metrics import METRICS

BASELINES = [
    name for name, entry in FAMILIES.entries.items() if entry.origin == "baseline" and entry.needs == "publish"
]


@pytest.mark.slow
def test_lightgbm_and_ridge_beat_every_baseline_on_the_sample_world_at_7_days(home, running_in):
    """The interval of the difference is above zero for each of them, on test videos, by the demo's own graph."""
    with running_in(home) as runs:
        runs.capture(SampleWorld(), {})
        runs.backfill(["7d"], ["concat"])
    trials = {}
    for listed in home.store.keys("models", suffix="checksums.json"):
        with home.store.open_artifact(listed.removesuffix("/checksums.json")) as folder:
            stored = Trial.load(folder)
        trials[stored.name] = stored.predictions.filter(split="test")
    assert len(BASELINES) == 4 and {*BASELINES, "lightgbm", "ridge"} <= set(trials)
    gains = {
        (family, baseline): improvement(METRICS["rmse_log"], trials[family], trials[baseline])
        for family in ("lightgbm", "ridge")
        for baseline in BASELINES
    }
    assert {pair: gain for pair, gain in gains.items() if gain.low <= 0} == {}

    # What the leaderboard says of the best baseline is one of these.
    table = home.store.read_table("leaderboard/strategy=concat/horizon=7d/data.parquet")
    for row in table.filter(~table["is_baseline"]).iter_rows(named=True):
        if row["model"] in ("lightgbm", "ridge"):
            gain = gains[row["model"], row["best_baseline"]]
            assert row["test_improvement"] == pytest.approx(gain.value)
            assert row["test_improvement_low"] == pytest.approx(gain.low)
