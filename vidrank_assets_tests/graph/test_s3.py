"""The whole graph over a bucket: the same tables and folders as over a folder, and no secret in any of them."""

import polars as pl
import pytest

from vidrank_assets.storage import Storage
from vidrank_assets_tests.graph.conftest import (
    BY_LOT,
    CAPTURE,
    PREPARE,
    SECRETS,
    WORLD,
    Home,
    assert_run_folders_are_whole,
    tables,
    timeless,
    training,
)

#: One of each: what every asset of the graph leaves behind.
EVERY_TABLE = {
    "snapshots", "rejected_captures", "channel_snapshots", "thumbnails", "embedding_manifest", "fused_embeddings",
    "horizon_targets", "metadata_features", "split_manifest", "paired_features", "models", "leaderboard",
    "slice_metrics", "video_versions", "training_pairs", "ranking_targets", "thumbnail_scores",
}  # fmt: skip


@pytest.fixture
def bucket(tmp_path, s3_root, s3_endpoint) -> Home:
    """What `trained` is, in one process and over a bucket."""
    secret = {"AWS_SECRET_ACCESS_KEY": SECRETS["AWS_SECRET_ACCESS_KEY"]}
    home = Home(tmp_path / "bucket", VIDRANK_STORAGE=s3_root, VIDRANK_S3_ENDPOINT=s3_endpoint, **secret)
    home.store = Storage(
        s3_root,
        s3_options={"endpoint_url": s3_endpoint, "use_listings_cache": False},
        scan_options={"aws_endpoint_url": s3_endpoint, "aws_allow_http": "true", "aws_region": "us-east-1"},
    )
    home.succeeds(CAPTURE.format(options=WORLD) + PREPARE.format(ops=BY_LOT) + training("two"))
    return home


@pytest.mark.slow
def test_the_whole_graph_gives_the_same_tables_and_folders_over_s3_as_over_a_folder(bucket, trained):
    assert not (bucket.folder / "vidrank").exists()
    stored = {key: bucket.store.read(key) for key in bucket.store.keys("")}
    assert_run_folders_are_whole(stored, "two")
    expected = {key: table for key, table in tables(trained.store).items() if "/run_id=one/" not in key}
    found = {key: pl.read_parquet(held) for key, held in stored.items() if key.endswith(".parquet")}
    assert {key.split("/")[0] for key in expected} == EVERY_TABLE
    assert sorted(found) == sorted(expected)
    assert [key for key in expected if not timeless(found[key]).equals(expected[key])] == []
    assert expected["leaderboard/strategy=concat/horizon=7d/data.parquet"]["n_test_pairs"].min() > 0
    for shards in ("embeddings/", "fused/"):  # named by the SHA-256 of what is in them
        kept = [key for key in stored if key.startswith(shards)]
        assert sorted(kept) == trained.store.keys(shards) != []

    secret = SECRETS["AWS_SECRET_ACCESS_KEY"].encode()
    instance = {file: file.read_bytes() for file in bucket.folder.rglob("*") if file.is_file()}
    rows = {f"rows of {key}": repr(table.rows()).encode() for key, table in found.items()}
    assert [name for name, held in (stored | instance | rows).items() if secret in held] == []
