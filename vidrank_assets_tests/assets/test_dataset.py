import dagster as dg
import polars as pl

from vidrank_assets.dataset.targets import horizon_targets
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.tables import HORIZON_TARGETS, SPLIT_MANIFEST


def test_targets_are_those_of_all_captured_days(graph):
    days = pl.read_parquet(graph.store.root / "snapshots" / "*" / "data.parquet", hive_partitioning=False)
    expected = horizon_targets(days.lazy(), HORIZONS["7d"])
    assert graph.store.read_table("horizon_targets/horizon=7d/data.parquet").equals(HORIZON_TARGETS.checked(expected))


def test_label_coverage_is_shown_and_checked(graph):
    shown = graph.metadata("refresh_targets", "horizon_targets")
    assert shown["labels"] == shown["labels_observed"] + shown["labels_interpolated"] > 0
    (check,) = [
        each
        for each in graph.results["refresh_targets"].get_asset_check_evaluations()
        if each.check_name == "label_coverage"
    ]
    assert (check.passed, check.severity) == (True, dg.AssetCheckSeverity.WARN)


def test_the_newest_videos_are_the_test(graph):
    table = graph.store.read_table("split_manifest/horizon=7d/data.parquet")
    published = graph.store.read_table("horizon_targets/horizon=7d/data.parquet").select("video_id", "published_at")
    dealt = SPLIT_MANIFEST.checked(table).join(published, on="video_id")
    edges = dealt.group_by("split").agg(first=pl.col("published_at").min(), last=pl.col("published_at").max())
    when = {row["split"]: row for row in edges.iter_rows(named=True)}
    assert when["train"]["last"] <= when["val"]["first"]
    assert when["val"]["last"] <= when["test"]["first"]


def test_every_labelled_video_is_in_or_counted_under_a_reason(graph):
    shown = graph.metadata("refresh_targets", "split_manifest")
    reasons = {record["reason"]: record["videos"] for record in shown["by_reason"]}
    assert sum(reasons.values()) == shown["labelled_videos"]
    assert reasons["in"] == shown["train_videos"] + shown["val_videos"] + shown["test_videos"]
