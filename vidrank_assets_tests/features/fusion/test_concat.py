import numpy as np

from vidrank_assets.features.fusion.base import Modality
from vidrank_assets.features.fusion.concat import fuse


def test_modalities_lie_end_to_end_at_unit_length():
    image = Modality(np.array([[3, 4], [0, 2]], np.float32), np.array([True, True]))
    text = Modality(np.array([[5], [-7]], np.float32), np.array([True, True]))
    fused = fuse({"image": image, "text": text})
    np.testing.assert_allclose(fused.matrix, [[0.6, 0.8, 1], [0, 1, -1]], rtol=1e-7)
    assert fused.blocks == {"image": 2, "text": 1}


def test_a_missing_modality_is_zeros():
    image = Modality(np.array([[3, 4], [3, 4]], np.float32), np.array([False, True]))
    text = Modality(np.array([[5], [5]], np.float32), np.array([True, False]))
    np.testing.assert_allclose(fuse({"image": image, "text": text}).matrix, [[0, 0, 1], [0.6, 0.8, 0]], rtol=1e-7)


def test_the_pool_width_changes_nothing():
    image = Modality(np.array([[3, 4]], np.float32), np.array([True]))
    assert fuse({"image": image}, width=8).blocks == {"image": 2}
