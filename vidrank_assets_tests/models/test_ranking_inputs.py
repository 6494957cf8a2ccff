import numpy as np
import pytest

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.ranking_inputs import RankingInputs, blocks_of, shown


def vectors(n_videos=40, **widths):
    matrix = np.random.default_rng(0).normal(3, 2, size=(n_videos, sum(widths.values()))).astype(np.float32)
    return Vectors(tuple(f"v{row}" for row in range(n_videos)), matrix, widths)


def test_image_and_title_are_read_in_this_order_and_sound_is_not():
    found = vectors(text=2, audio=4, image=3)
    read = shown(found)
    assert dict(read.blocks) == {"image": 3, "text": 2}
    np.testing.assert_array_equal(read.matrix, np.hstack([found.block("image"), found.block("text")]))


def test_where_no_modality_is_named_everything_is_read():
    assert dict(shown(vectors(fused=5)).blocks) == {"fused": 5}


def test_a_block_that_is_not_there_has_no_columns():
    assert blocks_of(vectors(text=2), ("image",)).matrix.shape == (40, 0)
    assert RankingInputs().fit(blocks_of(vectors(text=2), ("image",))).transform(np.empty((7, 0))).shape == (7, 0)


def test_each_block_has_mean_zero_and_a_total_variance_of_one():
    found = vectors(image=3, text=20)
    scaled = RankingInputs().fit(found).transform(found.matrix)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    assert scaled[:, :3].var(axis=0).sum() == pytest.approx(1)
    assert scaled[:, 3:].var(axis=0).sum() == pytest.approx(1)


def test_an_absent_modality_is_what_others_are_on_average_and_moves_no_average():
    found = vectors(image=3, text=2)
    scaled = RankingInputs().fit(found).transform(found.matrix)
    fewer = Vectors(
        (*found.video_ids, "x"), np.vstack([found.matrix, [[0, 0, 0, 1, 1]]]).astype(np.float32), found.blocks
    )
    again = RankingInputs().fit(fewer).transform(fewer.matrix)
    np.testing.assert_allclose(again[:-1, :3], scaled[:, :3])
    assert again[-1, :3].tolist() == [0, 0, 0] and again[-1, 3:].all()


def test_columns_that_never_differ_are_zero():
    flat = Vectors(("a", "b"), np.ones((2, 3), np.float32), {"image": 3})
    assert not RankingInputs().fit(flat).transform(flat.matrix).any()


def test_what_is_stored_weighs_the_same_to_the_bit(tmp_path):
    found = vectors(image=3, text=2)
    inputs, weights = RankingInputs().fit(found), np.arange(5.0)
    inputs.save(tmp_path / "weights.npz", weights)
    loaded, again = RankingInputs.load(tmp_path / "weights.npz")
    np.testing.assert_array_equal(loaded.weighted(found.matrix, again), inputs.weighted(found.matrix, weights))
