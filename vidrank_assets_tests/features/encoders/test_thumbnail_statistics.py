from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vidrank_assets.features.corners import corner_shares
from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics

CELLS, EDGES = 32, 8
LUMA, RED_GREEN = slice(0, CELLS), slice(CELLS, 2 * CELLS)
CONTRAST = slice(3 * CELLS, 4 * CELLS)
EDGE = slice(4 * CELLS, 4 * CELLS + 4 * EDGES)
HUE, SATURATION, LIGHT = slice(160, 172), slice(172, 180), slice(180, 188)
WHOLE = slice(188, 196)


def row(image, kind="PNG"):
    buffer = BytesIO()
    image.save(buffer, kind)
    return ThumbnailStatistics().encode([buffer.getvalue()]).matrix[0]


def plain(colour, size=(160, 90)):
    return Image.new("RGB", size, colour)


def test_a_row_has_196_numbers_and_60_of_corners():
    assert WHOLE.stop == 196
    assert ThumbnailStatistics().dim == len(row(plain((9, 9, 9)))) == 256


def test_the_corners_of_a_picture_are_the_last_of_its_numbers():
    picture = plain((0, 0, 0))
    assert row(picture)[WHOLE.stop :].tolist() == [0] * 60
    ImageDraw.Draw(picture).rectangle((60, 40, 90, 60), fill=(255, 255, 255))
    np.testing.assert_allclose(row(picture)[WHOLE.stop :], corner_shares(picture), atol=1e-6)
    assert row(picture)[WHOLE.stop :].max() > 0


@pytest.mark.parametrize(("colour", "luma"), [((255, 255, 255), 1), ((0, 0, 0), -1), ((255, 0, 0), 2 * 0.299 - 1)])
def test_a_plain_picture_has_its_luma_in_every_cell_and_no_edges(colour, luma):
    numbers = row(plain(colour))
    np.testing.assert_allclose(numbers[LUMA], luma, atol=1e-6)
    np.testing.assert_allclose(numbers[CONTRAST], 0, atol=1e-6)
    np.testing.assert_allclose(numbers[EDGE], 0, atol=1e-6)


def test_colours_are_opposed_red_to_green():
    assert row(plain((255, 0, 0)))[RED_GREEN].tolist() == [1] * CELLS
    assert row(plain((0, 255, 0)))[RED_GREEN].tolist() == [-1] * CELLS


def test_a_cell_is_a_place_in_the_picture():
    picture = plain((0, 0, 0))
    ImageDraw.Draw(picture).rectangle((80, 0, 160, 90), fill=(255, 255, 255))
    luma = row(picture)[LUMA].reshape(4, 8)
    np.testing.assert_allclose(luma, np.tile([-1] * 4 + [1] * 4, (4, 1)), atol=1e-6)


@pytest.mark.parametrize(("stripes", "direction"), [("upright", 0), ("level", 2)])
def test_edges_are_told_apart_by_direction(stripes, direction):
    picture = plain((0, 0, 0), (64, 36))
    draw = ImageDraw.Draw(picture)
    for at in range(0, 64, 8):
        box = (at, 0, at + 3, 36) if stripes == "upright" else (0, at, 64, at + 3)
        draw.rectangle(box, fill=(255, 255, 255))
    energy = row(picture)[EDGE].reshape(4, EDGES).sum(axis=1)
    assert energy.argmax() == direction
    assert energy[direction] > 0.9 * energy.sum()


def test_histograms_are_shares_and_hue_counts_by_saturation():
    red = row(plain((255, 0, 0)))
    assert red[HUE].tolist() == [1] + [0] * 11
    assert red[SATURATION].tolist() == [0] * 7 + [1]
    grey = row(plain((128, 128, 128)))
    assert grey[HUE].tolist() == [0] * 12
    assert grey[LIGHT].sum() == 1


def test_the_aspect_is_zero_at_16_to_9_and_less_when_upright():
    assert row(plain((9, 9, 9), (320, 180)))[195] == pytest.approx(0, abs=1e-6)
    assert row(plain((9, 9, 9), (90, 160)))[195] == pytest.approx(2 * np.log2(9 / 16), abs=1e-6)


def test_a_bright_centre_is_seen():
    picture = plain((0, 0, 0))
    ImageDraw.Draw(picture).rectangle((40, 22, 120, 67), fill=(255, 255, 255))
    assert row(picture)[194] > 0.5


def test_two_formats_of_one_picture_have_nearly_the_same_row():
    picture = plain((200, 60, 20))
    np.testing.assert_allclose(row(picture, "JPEG"), row(picture, "PNG"), atol=0.03)
