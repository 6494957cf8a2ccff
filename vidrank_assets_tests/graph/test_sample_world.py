"""The sample world has known answers, and the graph finds them: what it shows of itself, no baseline explains."""

from typing import NamedTuple

import polars as pl
import pytest

from vidrank_assets import recorded
from vidrank_assets.assets.models import SUITE
from vidrank_assets.assets.run_id import BACKFILL
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.catalog import FAMILIES
from vidrank_assets.results import MODALITY_ABLATION
from vidrank_assets.selection.bootstrap import bootstrapped
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets_tests.graph.conftest import CELL, CELL_FOLDER, QUICK_NETS, Home, running_in

pytestmark = pytest.mark.slow

BASELINES = [
    name for name, entry in FAMILIES.entries.items() if entry.origin == "baseline" and entry.needs == "publish"
]
NETS = ["gbdt", "concat_mlp", "gated_fusion_mlp"]


class Found(NamedTuple):
    """What the graph made of the world."""

    snapshot: ModelSnapshot
    ablation: pl.DataFrame


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Found:
    """The world of the demo, trained at 7 days, with nets that take little time; then again without each modality."""
    home = Home(tmp_path_factory.mktemp("sample") / "home")
    with running_in(home) as runs:
        runs.capture(SampleWorld(), {})
        runs._run("refresh_targets", "", partition_key="7d")
        runs.fuse("concat")
        runs._run("train_suite", "", partition_key=CELL, tags={BACKFILL: "demo"}, ops=QUICK_NETS)
        runs._run("ablate", "", partition_key=CELL)
    with recorded.opened(home.store, f"{recorded.SNAPSHOTS}/run_id=demo/{CELL_FOLDER}") as snapshot:
        return Found(snapshot, home.store.read_table(f"modality_ablation/{CELL_FOLDER}/data.parquet"))


def test_lightgbm_and_ridge_beat_every_baseline_on_the_sample_world_at_7_days(found):
    """The interval of the difference is above zero for each of them, on test videos."""
    trials = {
        each.name: bootstrapped(METRICS["rmse_log"], each.predictions.filter(split="test"))
        for each in found.snapshot.trials
    }
    assert len(BASELINES) == 4 and {*BASELINES, "lightgbm", "ridge"} <= set(trials)
    gains = {
        (family, baseline): trials[family].over(trials[baseline])
        for family in ("lightgbm", "ridge")
        for baseline in BASELINES
    }
    assert {pair: gain for pair, gain in gains.items() if gain.low <= 0} == {}

    # What the leaderboard says of the best baseline is one of these.
    for row in found.snapshot.leaderboard.filter(pl.col("model").is_in(["lightgbm", "ridge"])).iter_rows(named=True):
        gain = gains[row["model"], row["best_baseline"]]
        assert row["test_improvement"] == pytest.approx(gain.value)
        assert row["test_improvement_low"] == pytest.approx(gain.low)


def test_the_ensemble_and_every_net_have_a_row_with_all_metrics_and_the_ensemble_beats_the_best_baseline(found):
    rows = found.snapshot.leaderboard.filter(pl.col("model").is_in([*NETS, "ensemble"]))
    assert set(rows["model"]) == {*NETS, "ensemble"}
    metrics = [f"{part}_{metric}" for part in ("val", "test") for metric in METRICS]
    assert rows.select(metrics).null_count().sum_horizontal().item() == 0
    assert rows.filter(model="ensemble")["test_improvement_low"].item() > 0


def test_ridge_loses_where_it_is_fitted_without_thumbnails_and_where_without_titles(found):
    """The world's thumbnails and titles drive its views, so the interval of either loss is above zero."""
    table = MODALITY_ABLATION.checked(found.ablation)
    assert set(table["model"]) == {*SUITE} - {*BASELINES}
    ridge = table.filter(model="ridge")
    assert ridge["without"].to_list() == ["image", "text"]
    assert ridge["test_gain_low"].min() > 0, ridge.select("without", "^test_gain.*$").rows()
