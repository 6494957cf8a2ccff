import polars as pl

from vidrank_assets.assets.models import SUITE
from vidrank_assets.results import COMPARISON
from vidrank_assets.selection.comparison_record import ComparisonRecord


def test_the_comparison_is_of_every_recorded_leaderboard_and_is_kept_with_its_page(graph):
    shown = graph.metadata("compare", "comparison")
    with graph.store.open_artifact(shown["artifact"], sha256=shown["sha256"]) as folder:
        record = ComparisonRecord.load(folder)
    assert COMPARISON.checked(record.table).height == len(SUITE) + 1
    assert record.page.startswith("<!doctype html>") and "SYNTHETIC" in record.page.upper()
    assert shown["artifact"].startswith("models/snapshots/run_id=") and shown["artifact"].endswith("/comparison")


def test_the_ui_shows_what_is_best_and_the_strategies_side_by_side(graph):
    shown = graph.metadata("compare", "comparison")
    (best,) = shown["best"]
    leaderboard = graph.store.read_table("leaderboard/strategy=concat/horizon=7d/data.parquet")
    assert best["model"] == leaderboard["model"][0]
    assert {row["model"] for row in shown["side_by_side"]} == set(leaderboard["model"])
    assert (shown["runs"], shown["leaderboards"], shown["not_compared"]) == (1, 1, 0)
    assert isinstance(pl.DataFrame(shown["side_by_side"])["concat"][0], float)


def test_the_ui_shows_the_charts_of_the_page(graph):
    shown = graph.metadata("compare", "comparison")
    for name in ("strategies", "improvements", "labels"):
        assert shown[name].startswith("![chart](data:image/png;base64,")
