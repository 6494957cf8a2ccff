import hashlib
from datetime import UTC, datetime, timedelta
from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.catalog import Modality
from vidrank_assets.errors import TooManyUnreadable
from vidrank_assets.features import embedding
from vidrank_assets.features.encoders.base import Encoded, Encoder
from vidrank_assets.tables import EMBEDDING_MANIFEST, MEDIA_FILES, SNAPSHOTS, THUMBNAILS

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Lengths(Encoder[str]):
    """A title's length and its number of e's; one that starts with ? cannot be read."""

    name, modality, revision, dim, items_per_shard = "lengths", "text", "1", 2, 2

    def _encode(self, items):
        rows = np.array([[len(item), item.count("e")] for item in items], np.float32)
        return Encoded(rows, {i: "question" for i, item in enumerate(items) if item.startswith("?")})


def at(day):
    return START + timedelta(days=day)


def snapshots(*rows):
    """Rows of (video, day, title)."""
    made = [
        {"video_id": video, "captured_at": at(day), "title": title, "published_at": START, "source": "test"}
        for video, day, title in rows
    ]
    return pl.DataFrame(made, schema=SNAPSHOTS.schema).lazy()


def sha(title):
    return hashlib.sha256(title.encode()).hexdigest()


def embedded(items, manifest=None):
    """Everything pending, encoded: the manifest afterwards and the matrices of its shards."""
    manifest = EMBEDDING_MANIFEST.empty() if manifest is None else manifest
    encoder, matrices = Lengths(), {}
    pending, _ = embedding.backlog(items, manifest.lazy(), encoder.identity)
    for n, batch in enumerate(embedding.batches(items, pending, encoder.items_per_shard)):
        done = embedding.encoded(encoder, batch)
        matrices[f"shard {n}"] = done.matrix
        rows = embedding.manifest_rows(done.readable, encoder=encoder, shard_key=f"shard {n}", embedded_at=NOW)
        manifest = pl.concat([manifest, rows])
    return manifest, matrices


def test_each_title_of_a_video_is_one_item_at_its_first_capture():
    items = embedding.titles(snapshots(("a", 2, "Old"), ("a", 1, "Old"), ("a", 3, "New"), ("b", 3, "Old")))
    assert sorted(items.collect().rows()) == [
        (at(1), "a", sha("Old"), "Old"),
        (at(3), "a", sha("New"), "New"),
        (at(3), "b", sha("Old"), "Old"),
    ]


def test_a_video_without_a_title_is_no_item():
    assert embedding.titles(snapshots(("a", 1, None))).collect().is_empty()


def test_pictures_keep_the_hash_they_were_captured_with():
    row = {"video_id": "a", "content_hash": "h", "captured_at": at(1), "image": b"jpeg", "source": "test"}
    items = embedding.pictures(pl.DataFrame([row], schema=THUMBNAILS.schema).lazy())
    assert items.collect().rows() == [(at(1), "a", "h", b"jpeg")]


def test_a_media_file_is_an_item_by_its_path():
    row = {
        "video_id": "a", "captured_at": at(1), "path": "/media/a.mp4", "content_hash": "h", "size_bytes": 1,
        "modified_at": at(0),
    }  # fmt: skip
    files = pl.DataFrame([row], schema=MEDIA_FILES.schema).lazy()
    for modality in ("audio", "video"):
        assert embedding.ITEMS[modality](files).collect().rows() == [(at(1), "a", "h", "/media/a.mp4")]


def test_every_modality_has_items():
    assert set(embedding.ITEMS) == set(get_args(Modality))


def test_items_that_only_lack_what_is_encoded_are_no_fault():
    reasons = ["no audio track", "no picture track", "truncated or damaged"]
    batch = pl.DataFrame({"video_id": list("abc"), "reason": reasons})
    assert embedding.n_faulty([batch, batch.clear()]) == 1
    assert embedding.n_faulty([]) == 0


def test_what_the_manifest_lists_is_not_encoded_again():
    day_one = embedding.titles(snapshots(("a", 1, "one"), ("b", 1, "two")))
    manifest, _ = embedded(day_one)
    both = embedding.titles(snapshots(("a", 1, "one"), ("b", 1, "two"), ("b", 2, "two!"), ("c", 2, "three")))
    pending, n_done = embedding.backlog(both, manifest.lazy(), Lengths().identity)
    assert pending.select("video_id", "content_hash").rows() == [("b", sha("two!")), ("c", sha("three"))]
    assert n_done == 2


def test_another_revision_encodes_everything_anew():
    items = embedding.titles(snapshots(("a", 1, "one")))
    manifest, _ = embedded(items)
    assert embedding.backlog(items, manifest.lazy(), "lengths@2").pending.height == 1


def test_the_same_content_on_two_days_is_encoded_once():
    rows = [
        {"video_id": "a", "content_hash": "h", "captured_at": at(day), "image": b"jpeg", "source": "test"}
        for day in (2, 1)
    ]
    items = embedding.pictures(pl.DataFrame(rows, schema=THUMBNAILS.schema).lazy())
    pending, _ = embedding.backlog(items, EMBEDDING_MANIFEST.empty().lazy(), "any@1")
    assert [batch.rows() for batch in embedding.batches(items, pending, 5)] == [[(at(1), "a", "h", b"jpeg")]]


@given(
    rows=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5), st.sampled_from(["x", "ye", "zee", "?"]))),
    size=st.integers(1, 4),
)
def test_batches_hold_every_pending_item_once_oldest_first_whatever_their_size(rows, size):
    unique = {(video, day): (video, day, title) for video, day, title in rows}
    items = embedding.titles(snapshots(*unique.values()))
    pending, _ = embedding.backlog(items, EMBEDDING_MANIFEST.empty().lazy(), "lengths@1")
    cut = list(embedding.batches(items, pending, size))
    assert all(batch.height <= size for batch in cut)
    keys = ["captured_at", "video_id", "content_hash"]
    joined = pl.concat([pending.select(keys).clear(), *(batch.select(keys) for batch in cut)])
    assert joined.rows() == sorted(
        {(at(min(d for v2, d, t2 in unique.values() if (v2, t2) == (v, t))), v, sha(t)) for v, _, t in unique.values()}
    )
    assert joined.rows() == pending.select(keys).rows()


def test_a_manifest_row_leads_to_the_vector_of_its_item():
    manifest, matrices = embedded(embedding.titles(snapshots(("a", 1, "one"), ("b", 2, "three"), ("c", 3, "see"))))
    where = {row["video_id"]: matrices[row["shard_key"]][row["shard_idx"]].tolist() for row in manifest.to_dicts()}
    assert where == {"a": [3, 1], "b": [5, 2], "c": [3, 2]}
    assert manifest["encoder"].unique().to_list() == ["lengths@1"]
    assert manifest["dim"].unique().to_list() == [2]


def test_unreadable_items_are_in_no_manifest_and_are_counted_by_reason():
    items = embedding.titles(snapshots(("a", 1, "?one"), ("b", 1, "three"), ("c", 1, "?see")))
    (batch,) = embedding.batches(items, embedding.backlog(items, EMBEDDING_MANIFEST.empty().lazy(), "x").pending, 9)
    done = embedding.encoded(Lengths(), batch)
    assert done.readable["video_id"].to_list() == ["b"]
    assert done.matrix.tolist() == [[5, 2]]
    assert embedding.unreadable_by_reason([done.unreadable]).rows() == [("question", 2, ["a", "c"])]


def test_no_unreadable_items_give_an_empty_count():
    assert embedding.unreadable_by_reason([]).columns == ["reason", "items", "first_videos"]


def test_a_tenth_of_the_items_may_be_unreadable_and_no_more():
    embedding.assert_readable(1, n_items=10, encoder="lengths")
    embedding.assert_readable(0, n_items=0, encoder="lengths")
    with pytest.raises(TooManyUnreadable, match="at most 10% .* lengths could not read 2 of 19"):
        embedding.assert_readable(2, n_items=19, encoder="lengths")


def test_a_part_is_named_for_what_it_lists_and_not_for_when():
    readable = pl.DataFrame({"video_id": ["a"], "content_hash": ["h"], "captured_at": [at(1)]})
    readable = readable.cast({"captured_at": EMBEDDING_MANIFEST.schema["captured_at"]})

    def part(shard="s", now=NOW, **columns):
        rows = readable.with_columns(pl.lit(value).alias(name) for name, value in columns.items())
        listed = embedding.manifest_rows(rows, encoder=Lengths(), shard_key=shard, embedded_at=now)
        return embedding.part_name(listed)

    assert part() == part(now=NOW + timedelta(hours=1))
    assert len({part(), part(shard="t"), part(content_hash="g"), part(video_id="b")}) == 4
