from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.pictures import decoded
from vidrank_assets.selection.occlusion import GRID, occlusion


def jpeg(picture):
    packed = BytesIO()
    picture.save(packed, "JPEG", quality=95)
    return packed.getvalue()


def corner_in_white(size=(640, 360)):
    """Grey as the patch is, but for the top left cell."""
    picture = Image.new("RGB", size, (128, 128, 128))
    picture.paste((255, 255, 255), (0, 0, size[0] // GRID[0], size[1] // GRID[1]))
    return picture


def brightness(pictures):
    return np.array([np.asarray(decoded(each), np.float64).mean() for each in pictures])


@pytest.mark.parametrize("size", [(640, 360), (120, 90), (1280, 720)])
def test_the_score_falls_where_what_it_hangs_on_is_covered_and_nowhere_else(size):
    found = occlusion(jpeg(corner_in_white(size)), brightness)
    assert found.change.shape == (6, 10)
    fall = found.score - 128
    assert fall == pytest.approx(127 / 60, rel=0.15)
    # The cell itself is covered by one patch, its neighbours also by patches that leave it as it is.
    np.testing.assert_allclose(found.change[:2, :2] / fall, [[1, 0.5], [0.5, 0.25]], atol=0.12)
    assert np.abs(found.change[2:, :]).max() < 0.05 * fall and np.abs(found.change[:, 2:]).max() < 0.05 * fall


def test_a_part_that_costs_score_is_below_zero():
    found = occlusion(jpeg(corner_in_white()), lambda pictures: -brightness(pictures))
    assert found.change.min() == found.change[0, 0] < 0


def test_a_score_that_looks_at_nothing_has_an_empty_map():
    assert not occlusion(jpeg(corner_in_white()), lambda pictures: np.ones(len(pictures))).change.any()


def test_what_is_no_picture_is_refused():
    with pytest.raises(InvalidInput, match="no JPEG, PNG or WebP"):
        occlusion(b"text", brightness)
