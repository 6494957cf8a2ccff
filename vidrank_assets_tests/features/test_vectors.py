import numpy as np
import pytest

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.vectors import Vectors

MATRIX = np.arange(10, dtype=np.float32).reshape(2, 5)
VECTORS = Vectors(("a", "b"), MATRIX, {"text": 2, "image": 3})


def test_a_block_is_its_columns():
    assert VECTORS.block("text").tolist() == [[0, 1], [5, 6]]
    assert VECTORS.block("image").tolist() == [[2, 3, 4], [7, 8, 9]]


def test_a_block_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(InvalidInput, match="one of: text, image; got 'audio'"):
        VECTORS.block("audio")


def test_rows_come_in_the_order_asked_for_with_their_ids():
    some = VECTORS.rows([1, 0, 1])
    assert some.video_ids == ("b", "a", "b")
    assert some.matrix[:, 0].tolist() == [5, 0, 5]
    assert some.blocks == VECTORS.blocks


@pytest.mark.parametrize(("ids", "blocks"), [(("a",), {"text": 5}), (("a", "b"), {"text": 4})])
def test_ids_columns_and_blocks_must_fit_together(ids, blocks):
    with pytest.raises(InvalidInput, match="one row per video and one column per place in a block"):
        Vectors(ids, MATRIX, blocks)
