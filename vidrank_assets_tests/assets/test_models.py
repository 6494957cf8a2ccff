import numpy as np
import polars as pl

from vidrank_assets.assets.models import SUITE
from vidrank_assets.assets.vectors import fused_vectors
from vidrank_assets.catalog import FAMILIES
from vidrank_assets.selection.model_snapshot import ModelSnapshot


def trial(graph, family):
    reference = graph.metadata("train_suite", family)
    with graph.store.open_artifact(reference["artifact"], sha256=reference["sha256"]) as folder:
        return ModelSnapshot.load(folder).trial


def test_the_suite_is_every_family_that_can_predict_before_publication():
    assert list(SUITE) == [name for name, entry in FAMILIES.entries.items() if entry.needs == "publish"]


def test_every_family_predicts_the_same_videos_and_pairs(graph):
    split = graph.store.read_table("split_manifest/horizon=7d/data.parquet")
    scored = set(split.filter(pl.col("split") != "train")["video_id"])
    trials = [trial(graph, family) for family in SUITE]
    assert all(set(each.predictions["video_id"]) == scored for each in trials)
    pairs = trials[0].pair_predictions.select("video_id_a", "video_id_b")
    assert all(each.pair_predictions.select(pairs.columns).equals(pairs) for each in trials)


def test_a_stored_family_is_of_its_partition_and_of_synthetic_captures(graph):
    cell = trial(graph, "ridge").cell
    assert (cell.fusion_strategy, cell.horizon_days, cell.data_source) == ("concat", 7, "sample")


def test_fused_vectors_come_in_the_order_of_the_manifest(graph):
    manifest = graph.store.read_table("fused_embeddings/strategy=concat/data.parquet").sample(20, seed=1)
    vectors = fused_vectors(graph.store, manifest)
    assert vectors.video_ids == tuple(manifest["video_id"])
    one = fused_vectors(graph.store, manifest[7:8])
    np.testing.assert_array_equal(vectors.matrix[7], one.matrix[0])
