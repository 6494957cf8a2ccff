import polars as pl

from vidrank_assets.tables import METADATA_FEATURES, PAIRED_FEATURES

PARTITION = "horizon=7d/data.parquet"


def test_every_captured_video_has_features(graph):
    features = METADATA_FEATURES.checked(graph.store.read_table(f"metadata_features/{PARTITION}"))
    targets = graph.store.read_table(f"horizon_targets/{PARTITION}")
    assert features["video_id"].to_list() == targets["video_id"].to_list()


def test_leakage_is_a_check_that_a_person_sees(graph):
    names = {each.check_name: each.passed for each in graph.results["refresh_targets"].get_asset_check_evaluations()}
    assert names["no_leakage"]


def test_the_later_video_of_a_pair_sees_no_more_of_its_channel_than_the_earlier(graph):
    """The channel statistics of both sides are those of the earlier publication, so they are equal."""
    pairs = PAIRED_FEATURES.checked(graph.store.read_table(f"paired_features/{PARTITION}"))
    features = graph.store.read_table(f"metadata_features/{PARTITION}")
    statistics = ["channel_target_median", "channel_target_mean", "channel_target_count", "channel_first_latest"]
    earlier = pairs.select(video_id="video_id_a").join(features, on="video_id", how="left", maintain_order="left")
    assert pairs.height > 20
    assert earlier.select(statistics).equals(pairs.select(statistics))


def test_later_sides_are_made_of_the_pairs_that_models_are_scored_on(graph):
    later = graph.store.read_table(f"paired_features/{PARTITION}")
    pairs = graph.store.read_table(f"training_pairs/{PARTITION}").filter(pl.col("split") != "train")
    assert later.select(pairs.columns).equals(pairs)
    counts = dict(pairs["split"].value_counts().iter_rows())
    shown = graph.metadata("refresh_targets", "paired_features")
    assert {part: shown[f"{part}_pairs"] for part in ("val", "test")} == counts
    assert "train_pairs" not in shown
