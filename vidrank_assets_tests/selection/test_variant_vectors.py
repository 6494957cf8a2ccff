import numpy as np
import pytest

from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.variant_vectors import variant_vectors

BLOCKS = {"image": 2, "text": 3, "audio": 1}


def test_each_block_is_at_unit_length_in_the_order_of_the_ranker():
    encoded = {"text": np.array([[0, 0, 2], [1, 0, 0]], np.float32), "image": np.array([[3, 4], [0, 0]], np.float32)}
    made = variant_vectors(encoded, BLOCKS)
    np.testing.assert_allclose(made.matrix, [[0.6, 0.8, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]], atol=1e-7)
    assert list(made.blocks.items()) == list(BLOCKS.items())
    assert made.video_ids == ("variant 1", "variant 2")


def test_a_modality_that_variants_lack_is_absent():
    made = variant_vectors({"image": np.array([[3, 4]], np.float32)}, BLOCKS)
    np.testing.assert_allclose(made.matrix, [[0.6, 0.8, 0, 0, 0, 0]], atol=1e-7)


@pytest.mark.parametrize(
    "encoded",
    [
        {"image": np.ones((1, 3), np.float32)},
        {"video": np.ones((1, 2), np.float32)},
        {"image": np.ones((1, 2), np.float32), "text": np.ones((2, 3), np.float32)},
        {},
    ],
)
def test_vectors_that_the_ranker_was_not_fitted_on_are_refused(encoded):
    with pytest.raises(InvalidInput, match="row each in blocks that the ranker was fitted on"):
        variant_vectors(encoded, BLOCKS)
