from dataclasses import dataclass

import pytest

from vidrank_assets.upkeep.changes import Changes
from vidrank_assets.upkeep.vectors import sweep_vectors


@dataclass
class Without:
    """Everything but one video stays."""

    video: str

    def vectors(self, manifest):
        return manifest.remove(video_id=self.video)

    def fused(self, manifest):
        return manifest

    def unlisted(self, video_ids, lost):
        return self.video not in video_ids


@pytest.fixture
def changes(planted):
    return Changes(planted, lambda *_: None)


def fused(store):
    rows = store.read_table("fused_embeddings/strategy=concat/data.parquet")
    vectors = store.gather(rows["fused_key"], rows["shard_idx"])
    return {video: vectors[i].tolist() for i, video in enumerate(rows["video_id"])}


def test_a_fused_row_goes_with_any_of_the_vectors_it_is_made_of(planted, changes, there):
    before = fused(planted)
    sweep_vectors(changes, Without(there.OLD))
    assert fused(planted) == {video: vector for video, vector in before.items() if video != there.OLD}
    assert changes.so_far().removed == {"embeddings": 2, "fused_embeddings": 1}


def test_no_shard_of_the_video_is_left_and_none_that_nobody_names(planted, changes, there):
    sweep_vectors(changes, Without(there.OLD))
    assert not any(name.endswith(".npz") for name in there.files_with(planted, there.OLD)[there.OLD])
    rows = planted.read_table("fused_embeddings/strategy=concat/data.parquet")
    assert set(planted.keys("fused")) == set(rows["fused_key"])
    parts = [planted.read_table(key) for key in planted.keys("embedding_manifest")]
    assert set(planted.keys("embeddings")) == {key for part in parts for key in part["shard_key"]}


def test_nothing_is_written_when_every_vector_stays(planted, changes, there):
    before = there.contents(planted)
    sweep_vectors(changes, Without("nobody"))
    assert there.contents(planted) == before and changes.so_far().is_nothing


def test_fused_vectors_of_another_system_that_name_no_single_ones_stay(planted, changes, there):
    key = "fused_embeddings/strategy=concat/data.parquet"
    rows = planted.read_table(key)
    names = [
        name for name in rows.columns if name.endswith(("_emb_key", "emb_shard_idx")) or name.startswith("text_shard")
    ]
    foreign = rows.with_columns(rows[name].clear(rows.height).alias(name) for name in names)
    planted.write_table(key, foreign)
    sweep_vectors(changes, Without(there.OLD))
    assert planted.read_table(key).equals(foreign)


def test_a_row_of_a_shard_that_is_lost_goes_with_the_first_that_expires(planted, changes, there):
    """Its vector is nowhere: the encoder's next run makes it anew."""
    (text,) = planted.keys("embeddings/text")
    (planted.root / text).unlink()
    sweep_vectors(changes, Without(there.OLD))
    assert planted.keys("embedding_manifest/modality=text") == []
    assert set(planted.keys("embeddings")) == set(planted.keys("embeddings/image"))
