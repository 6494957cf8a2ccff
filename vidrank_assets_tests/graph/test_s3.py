"""The whole graph over a bucket: the same tables as over a folder."""

import pytest

from vidrank_assets.storage import Storage
from vidrank_assets_tests.graph.conftest import Home, tables

WORLD = {"n_channels": "20", "n_days": "28"}
#: So small a world has videos enough for a split, and pairs in its test part, only when all of them are dealt by lot.
SMALL = {"VIDRANK_INCLUSION": "all", "VIDRANK_SPLIT_POLICY": "random"}
#: One of each: what every asset of the graph leaves behind.
EVERY_TABLE = {
    "snapshots", "rejected_captures", "channel_snapshots", "thumbnails", "embedding_manifest", "fused_embeddings",
    "horizon_targets", "metadata_features", "split_manifest", "paired_features", "models", "leaderboard",
    "slice_metrics",
}  # fmt: skip


@pytest.mark.slow
def test_the_whole_graph_gives_the_same_tables_over_s3_as_over_a_folder(tmp_path, s3_root, s3_endpoint):
    bucket = Home(tmp_path / "bucket", **SMALL, VIDRANK_STORAGE=s3_root, VIDRANK_S3_ENDPOINT=s3_endpoint)
    folder = Home(tmp_path / "folder", **SMALL)
    for home in (bucket, folder):
        home.capture(**WORLD)
        done = home.vidrank("backfill", "--horizon", "7d", "--strategy", "concat")
        assert done.returncode == 0, done.stdout + done.stderr
    assert not (bucket.folder / "vidrank").exists()

    stored = Storage(
        s3_root,
        s3_options={"endpoint_url": s3_endpoint, "use_listings_cache": False},
        scan_options={"aws_endpoint_url": s3_endpoint, "aws_allow_http": "true", "aws_region": "us-east-1"},
    )
    expected, found = tables(folder.store), tables(stored)
    assert {key.split("/")[0] for key in expected} == EVERY_TABLE
    assert sorted(found) == sorted(expected)
    assert [key for key in expected if not found[key].equals(expected[key])] == []
    assert expected["leaderboard/strategy=concat/horizon=7d/data.parquet"]["n_test_pairs"].min() > 0
    for shards in ("embeddings", "fused"):  # named by the SHA-256 of what is in them
        assert stored.keys(shards) == folder.store.keys(shards) != []
