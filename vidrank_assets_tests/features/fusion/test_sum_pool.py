import numpy as np

from vidrank_assets.features.fusion.sum_pool import fuse


def test_the_sum_is_over_the_modalities_a_video_has(image, text, parts):
    pictures, titles = parts
    fused = fuse({"image": image, "text": text}, width=6)
    expected = np.stack([pictures[0] + titles[0], pictures[1], titles[2], np.zeros(6)])
    np.testing.assert_array_equal(fused.matrix, expected.astype(np.float32))
    assert fused.blocks == {"sum": 6}


def test_the_order_of_two_modalities_does_not_matter(image, text):
    there, back = fuse({"image": image, "text": text}), fuse({"text": text, "image": image})
    np.testing.assert_array_equal(there.matrix, back.matrix)
