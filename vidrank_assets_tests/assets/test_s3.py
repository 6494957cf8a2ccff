import polars as pl

from vidrank_assets.assets.resources import store_resource
from vidrank_assets.settings import Settings


def test_one_setting_moves_the_store_to_a_bucket_read_by_s3fs_and_by_polars(s3_root, s3_endpoint):
    store = store_resource(Settings(storage=s3_root, s3_endpoint=s3_endpoint)).open()
    stored = store.write_table("snapshots/day=2026-01-05/data.parquet", pl.DataFrame({"video_id": ["a"]}))
    assert stored.key in store.keys("snapshots")
    assert store.scan_tables({stored.key: stored.sha256}).collect()["video_id"].to_list() == ["a"]
