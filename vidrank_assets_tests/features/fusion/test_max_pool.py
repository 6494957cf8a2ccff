import numpy as np

from vidrank_assets.features.fusion.max_pool import fuse


def test_the_maximum_is_over_the_modalities_a_video_has(image, text, parts):
    pictures, titles = parts
    fused = fuse({"image": image, "text": text}, width=6)
    expected = np.stack([np.maximum(pictures[0], titles[0]), pictures[1], titles[2], np.zeros(6)])
    np.testing.assert_array_equal(fused.matrix, expected.astype(np.float32))
    assert fused.blocks == {"max": 6}


def test_a_missing_modality_does_not_raise_a_negative_number_to_zero(image, text, parts):
    pictures, _ = parts
    assert (pictures[1] < 0).any()
    np.testing.assert_array_equal(fuse({"image": image, "text": text}, width=6).matrix[1], pictures[1])
