import numpy as np
import pytest
from PIL import Image, ImageDraw

from vidrank_assets.features.corners import DIM, corner_shares


def plain(size=(160, 90)):
    return Image.new("RGB", size, (40, 40, 40))


def by_cell(picture):
    """(3 strengths, 5 down, 4 across)."""
    return corner_shares(picture).reshape(3, 5, 4)


def with_squares(places, colour=(250, 250, 250), size=(160, 90)):
    picture = plain(size)
    draw = ImageDraw.Draw(picture)
    for x, y in places:
        draw.rectangle((x, y, x + 5, y + 5), fill=colour)
    return picture


def test_there_are_20_cells_of_3_strengths():
    assert DIM == len(corner_shares(plain())) == 60


def test_a_plain_picture_has_no_corners():
    assert corner_shares(plain()).tolist() == [0] * DIM


def test_a_straight_edge_is_no_corner_however_strong():
    picture = plain()
    ImageDraw.Draw(picture).rectangle((80, 0, 160, 90), fill=(255, 255, 255))
    assert corner_shares(picture).tolist() == [0] * DIM


def test_a_gradient_is_no_corner():
    slope = np.tile(np.linspace(0, 255, 160).astype(np.uint8), (90, 1))
    assert corner_shares(Image.fromarray(slope).convert("RGB")).tolist() == [0] * DIM


def test_twice_as_many_shapes_have_twice_the_corners():
    few, many = (corner_shares(with_squares([(20 * i + 5, 40) for i in range(n)])).sum() for n in (4, 8))
    assert few > 0
    assert many == pytest.approx(2 * few)


def test_corners_are_counted_where_they_are():
    shares = by_cell(with_squares([(130, 76)]))
    assert shares[0, 4, 3] > 0
    shares[:, 4, 3] = 0
    assert not shares.any()


def test_a_faint_shape_has_corners_of_the_lesser_strengths_only():
    weak, middle, strong = by_cell(with_squares([(20, 40)], colour=(60, 60, 60))).sum(axis=(1, 2))
    assert weak > middle >= strong == 0


def test_a_shape_of_equal_luma_has_corners_by_its_colour():
    grey_of_red = 0.299 * 250
    picture = Image.new("RGB", (160, 90), (round(grey_of_red),) * 3)
    ImageDraw.Draw(picture).rectangle((50, 40, 55, 45), fill=(250, 0, 0))
    assert corner_shares(picture).sum() > 0


def test_a_picture_of_another_size_is_brought_to_the_same():
    large = with_squares([(20, 40)]).resize((640, 360), Image.Resampling.NEAREST)
    np.testing.assert_allclose(corner_shares(large), corner_shares(with_squares([(20, 40)])), atol=1e-9)
