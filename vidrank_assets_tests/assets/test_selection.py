import dagster as dg

from vidrank_assets.assets.models import SUITE
from vidrank_assets.assets.selection import run_id_of
from vidrank_assets.results import LEADERBOARD, SLICE_METRICS

CELL = "strategy=concat/horizon=7d/data.parquet"


def test_every_family_and_every_baseline_has_a_row(graph):
    table = LEADERBOARD.checked(graph.store.read_table(f"leaderboard/{CELL}"))
    assert set(table["model"]) == set(SUITE)
    assert table["is_best"].to_list() == [True] + [False] * (len(SUITE) - 1)
    assert table["val_rmse_log"].is_sorted()


def test_the_ui_shows_the_table_and_says_that_it_is_synthetic(graph):
    shown = graph.metadata("train_suite", "leaderboard")
    assert shown["leaderboard"][0]["model"] == shown["best"]
    assert shown["of"] == "7d · concat · publish · SYNTHETIC sample world"


def test_every_family_is_also_measured_by_slice(graph):
    slices = SLICE_METRICS.checked(graph.store.read_table(f"slice_metrics/{CELL}"))
    assert set(slices["slice"]) == {"text_present", "age_at_snapshot1", "channel_seen_in_train", "label_type"}
    assert set(slices["model"]) == set(SUITE)


def test_the_run_id_is_shared_by_a_backfill_and_by_a_retry():
    run = dg.DagsterRun(job_name="train_suite", run_id="b", root_run_id="a", parent_run_id="a")
    assert run_id_of(run) == "a"
    assert run_id_of(run.with_tags({"dagster/backfill": "backfill"})) == "backfill"
    assert run_id_of(dg.DagsterRun(job_name="train_suite", run_id="c")) == "c"
