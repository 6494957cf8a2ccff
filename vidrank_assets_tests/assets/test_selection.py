from vidrank_assets.assets.models import SUITE
from vidrank_assets.results import LEADERBOARD, SLICE_METRICS

CELL = "strategy=concat/horizon=7d/data.parquet"


def test_every_family_and_every_baseline_has_a_row(graph):
    table = LEADERBOARD.checked(graph.store.read_table(f"leaderboard/{CELL}"))
    assert set(table["model"]) == {*SUITE, "ensemble"}
    assert table["is_best"].to_list() == [True] + [False] * len(SUITE)
    assert table["val_rmse_log"].is_sorted()


def test_the_ui_shows_the_table_and_says_that_it_is_synthetic(graph):
    shown = graph.metadata("train_suite", "leaderboard")
    assert shown["leaderboard"][0]["model"] == shown["best"]
    assert shown["of"].startswith("7d · concat · publish · SYNTHETIC sample world · ")


def test_every_family_is_also_measured_by_slice(graph):
    slices = SLICE_METRICS.checked(graph.store.read_table(f"slice_metrics/{CELL}"))
    assert set(slices["slice"]) == {
        "text_present",
        "age_at_snapshot1",
        "channel_seen_in_train",
        "label_type",
        "channel_size",
    }
    assert set(slices["model"]) == {*SUITE, "ensemble"}
