import numpy as np
import polars as pl
import pytest

from vidrank_assets.assets.vectors import fused_vectors
from vidrank_assets.errors import NoRows
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.storage import Storage
from vidrank_assets.tables import FUSED_MANIFEST

IDS = ("a", "b", "c")
IMAGE = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]], np.float32)
TEXT = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 5.0]], np.float32)  # b has none


@pytest.fixture
def store(tmp_path):
    return Storage(str(tmp_path))


def manifest(store, strategy, **columns):
    """Three videos, of which b has no text, fused by a strategy."""
    image = store.write_shard("embeddings/image/x", IDS, IMAGE, {"image": 2})
    text = store.write_shard("embeddings/text/y", ("a", "c"), TEXT, {"text": 3})
    at = {
        "image": Modality(IMAGE, np.ones(3, bool)),
        "text": Modality(np.stack([TEXT[0], np.zeros(3, np.float32), TEXT[1]]), np.array([True, False, True])),
    }
    fused = load_fusion(strategy)(at, width=4)
    key = store.write_shard(f"fused/{strategy}", IDS, fused.matrix, fused.blocks)
    given = {
        "video_id": IDS,
        "fused_key": [key] * 3,
        "shard_idx": [0, 1, 2],
        "image_emb_key": [image] * 3,
        "image_shard_idx": [0, 1, 2],
        "text_emb_key": [text, None, text],
        "text_shard_idx": [0, None, 1],
        **columns,
    }
    schema = FUSED_MANIFEST.schema
    return pl.DataFrame({name: pl.Series(given.get(name, [None] * 3), dtype=t) for name, t in schema.items()})


def test_vectors_come_in_the_order_of_the_rows(store):
    rows = manifest(store, "concat")
    vectors = fused_vectors(store, rows[[2, 0]])
    assert vectors.video_ids == ("c", "a")
    np.testing.assert_allclose(vectors.block("image"), [[1, 0], [0.6, 0.8]], rtol=1e-6)


def test_what_was_pooled_is_there_at_unit_length_when_it_is_asked_for(store):
    vectors = fused_vectors(store, manifest(store, "sum_pool"), unfused=True)
    assert vectors.blocks == {"sum": 4} and vectors.modalities.blocks == {"image": 2, "text": 3}
    np.testing.assert_allclose(vectors.modalities.block("image"), [[0.6, 0.8], [0, 1], [1, 0]], rtol=1e-6)
    np.testing.assert_allclose(vectors.modalities.block("text"), [[1, 0, 0], [0, 0, 0], [0, 0, 1]], rtol=1e-6)
    assert fused_vectors(store, manifest(store, "sum_pool")).unfused is None


def test_what_is_end_to_end_is_its_own_modalities(store):
    vectors = fused_vectors(store, manifest(store, "concat"), unfused=True)
    assert vectors.unfused is None and vectors.modalities is vectors


def test_vectors_of_another_system_that_says_nothing_of_modalities_stand_alone(store):
    nothing = {f"{name}_emb_key": [None] * 3 for name in ("image", "text")}
    vectors = fused_vectors(store, manifest(store, "sum_pool", **nothing), unfused=True)
    assert vectors.modalities is vectors


def test_a_manifest_without_rows_is_refused(store):
    with pytest.raises(NoRows, match="must have rows to be read; it has none"):
        fused_vectors(store, FUSED_MANIFEST.empty())
