from collections import Counter
from io import BytesIO

import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput, NoRows
from vidrank_assets.features import foreign
from vidrank_assets.tables import FUSED_MANIFEST


def manifest(*rows, **columns):
    """Rows of (video, key, row) of strategy concat."""
    made = [{"video_id": v, "fusion_strategy": "concat", "fused_key": k, "shard_idx": i} for v, k, i in rows]
    return pl.DataFrame(made).with_columns(pl.Series(name, values) for name, values in columns.items())


def shard(vectors, ids, **more):
    buffer = BytesIO()
    np.savez(buffer, vectors=np.array(vectors, np.float64), video_ids=np.array(ids), **more)
    return buffer.getvalue()


def rows_of(*rows, **columns):
    return foreign.foreign_rows(manifest(*rows, **columns), "concat").rows


def test_only_the_rows_of_the_strategy_are_taken():
    listed = manifest(("a", "k", 0), ("b", "k", 1), fusion_strategy=["concat", "sum_pool"])
    assert foreign.foreign_rows(listed, "concat").rows["video_id"].to_list() == ["a"]
    with pytest.raises(NoRows, match="rows of strategy max_pool; it has concat, sum_pool"):
        foreign.foreign_rows(listed, "max_pool")


def test_missing_columns_are_named():
    with pytest.raises(InvalidInput, match="fused_key, shard_idx missing"):
        foreign.foreign_rows(pl.DataFrame({"video_id": ["a"], "fusion_strategy": ["concat"]}), "concat")


def test_types_of_another_system_become_the_declared_ones():
    rows = rows_of(
        ("a", "k", 0), ("b", "k", 1),
        shard_idx=[0.0, 1.0], text_present=[True, False], fused_at=["2026-01-05T10:00:00Z", "2026-01-05 10:00:00.5"],
    )  # fmt: skip
    assert rows.schema["shard_idx"] == pl.Int64
    assert rows["text_present"].to_list() == [1, 0]
    assert rows["fused_at"].dt.to_string("%H:%M:%S%.3f").to_list() == ["10:00:00.000", "10:00:00.500"]
    assert set(rows.columns) == set(FUSED_MANIFEST.schema)


def test_text_without_a_vector_is_coerced_to_absent_and_counted():
    listed = manifest(
        ("a", "k", 0), ("b", "k", 1), ("c", "k", 2), text_present=[1, 1, None], text_emb_key=["t", None, "t"]
    )
    found = foreign.foreign_rows(listed, "concat")
    assert found.rows["text_present"].to_list() == [1, 0, 0]
    assert found.n_text_coerced == 1


def test_text_is_believed_where_the_manifest_says_nothing_of_its_vectors():
    found = foreign.foreign_rows(manifest(("a", "k", 0), text_present=[1]), "concat")
    assert found.rows["text_present"].to_list() == [1]
    assert found.n_text_coerced == 0


def test_of_a_video_listed_twice_the_newest_row_is_taken():
    listed = manifest(("a", "k", 0), ("a", "k", 1), fused_at=["2026-01-06T00:00:00Z", "2026-01-05T00:00:00Z"])
    found = foreign.foreign_rows(listed, "concat")
    assert found.rows["shard_idx"].to_list() == [0]
    assert found.skipped == {"listed again": 1}


@pytest.mark.parametrize(("video", "key", "place"), [(None, "k", 0), ("b", None, 0), ("b", "k", None)])
def test_rows_that_lead_nowhere_are_counted(video, key, place):
    found = foreign.foreign_rows(manifest(("a", "k", 0), (video, key, place)), "concat")
    assert found.rows["video_id"].to_list() == ["a"]
    assert found.skipped == {"without id, key or row": 1}


@pytest.mark.parametrize("key", ["/etc/passwd", "../../secret.npz", "a/../../b.npz"])
def test_keys_that_leave_their_folder_are_not_followed(key):
    assert rows_of(("a", "k", 0), ("b", key, 0))["video_id"].to_list() == ["a"]


def test_rows_of_two_widths_are_refused():
    with pytest.raises(InvalidInput, match=r"the manifest states \[3, 4\]"):
        rows_of(("a", "k", 0), ("b", "k", 1), fused_dim=[3, 4])


def test_vectors_come_by_the_row_that_the_manifest_names():
    found = foreign.taken(
        rows_of(("a", "k", 2), ("b", "k", 0)), shard([[1, 2], [3, 4], [5, 6]], ["b", "x", "a"]), width=None
    )
    assert dict(zip(found.rows["video_id"], found.matrix.tolist(), strict=True)) == {"a": [5, 6], "b": [1, 2]}
    assert found.matrix.dtype == np.float32
    assert not found.skipped


def test_rows_of_a_missing_shard_are_skipped_and_counted():
    found = foreign.taken(rows_of(("a", "k", 0), ("b", "k", 1)), None, width=2)
    assert found.rows.is_empty()
    assert found.skipped == {"shard file missing": 2}


@pytest.mark.parametrize(
    "content",
    [b"", b"not a zip", shard([[1, 2]], ["a"])[:40], shard([1, 2], ["a", "b"]), shard([[1], [2]], ["a"])],
    ids=["empty", "other", "cut", "one axis", "ids missing"],
)
def test_a_shard_that_cannot_be_read_is_counted(content):
    assert foreign.taken(rows_of(("a", "k", 0)), content, width=None).skipped == {"shard unreadable": 1}


def test_a_shard_that_would_have_to_be_unpickled_is_not():
    buffer = BytesIO()
    np.savez(buffer, vectors=np.ones((1, 2)), video_ids=np.array(["a"], dtype=object))
    assert foreign.taken(rows_of(("a", "k", 0)), buffer.getvalue(), width=None).skipped == {"shard unreadable": 1}


def test_rows_that_do_not_match_their_shard_are_counted_by_reason():
    listed = rows_of(("a", "k", 0), ("b", "k", 0), ("c", "k", 9), ("d", "k", -1), ("e", "k", 1))
    found = foreign.taken(listed, shard([[1, 2], [np.nan, 2]], ["a", "e"]), width=2)
    assert found.rows["video_id"].to_list() == ["a"]
    assert found.skipped == Counter({"other video in the shard": 3, "not finite": 1})


def test_an_empty_shard_has_none_of_its_rows():
    content = shard(np.zeros((0, 2)), np.array([], np.str_))
    assert foreign.taken(rows_of(("a", "k", 0)), content, width=2).skipped == {"other video in the shard": 1}


@pytest.mark.parametrize(("width", "stated"), [(3, None), (None, 3)])
def test_a_shard_of_another_width_is_refused(width, stated):
    listed = rows_of(("a", "k", 0), fused_dim=pl.Series([stated], dtype=pl.Int64))
    with pytest.raises(InvalidInput, match=r"k has 2, expected \[3\]"):
        foreign.taken(listed, shard([[1, 2]], ["a"]), width=width)


def test_taken_rows_point_into_our_own_shard():
    listed = rows_of(("a", "k", 5), ("b", "k", 7), text_emb_key=["t", "t"], text_present=[1, 1], text_shard_idx=[1, 2])
    rows = foreign.manifest_rows(listed, fused_key="ours", fused_dim=2)
    assert rows.select("fused_key", "shard_idx", "fused_dim").rows() == [("ours", 0, 2), ("ours", 1, 2)]
    assert rows["text_present"].to_list() == [1, 1]
    assert rows["text_emb_key"].to_list() == [None, None]
    assert rows["feature_set_version"].to_list() == ["foreign", "foreign"]


def test_keys_may_start_at_the_manifests_folder_or_a_little_above():
    assert foreign.roots_of("/data/clipfarm/fused/fused_manifest.parquet") == [
        "/data/clipfarm/fused", "/data/clipfarm", "/data",
    ]  # fmt: skip
    assert foreign.roots_of("s3://bucket/team/fused_manifest.parquet") == ["s3://bucket/team", "s3://bucket"]
