from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.selection.report.heat import SIZE, heated, plain


def png(size=(640, 360), colour=(128, 128, 128)):
    packed = BytesIO()
    Image.new("RGB", size, colour).save(packed, "PNG")
    return packed.getvalue()


def pixels(address):
    kind, content = address.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    picture = Image.open(BytesIO(b64decode(content)))
    assert picture.size == SIZE
    return np.asarray(picture.convert("RGB"), int)


def test_a_picture_of_the_pages_shape_fills_it_and_another_lies_on_ground():
    assert np.abs(pixels(plain(png(colour=(200, 0, 0)))) - (200, 0, 0)).max() < 8
    square = pixels(plain(png((300, 300), (200, 0, 0))))
    assert np.abs(square[:, 80:240] - (200, 0, 0)).max() < 60 and (np.abs(square[:, :60] - 233).max() < 10)


def test_blue_is_where_the_score_falls_and_orange_where_it_rises():
    change = np.zeros((6, 10))
    change[:, :3], change[:, 7:] = 0.5, -0.5
    shown = pixels(heated(png(), change, 0.5))
    left, middle, right = shown[90, 30], shown[90, 160], shown[90, 290]
    assert left[2] - left[0] > 80 and right[0] - right[2] > 80
    assert np.ptp(middle) < 12


def test_the_colour_is_as_strong_as_the_change_is_of_the_furthest():
    weak, strong = (pixels(heated(png(), np.full((6, 10), 0.1), furthest))[90, 160] for furthest in (1.0, 0.1))
    assert np.ptp(weak) < np.ptp(strong) / 4


def test_the_map_lies_on_the_picture_and_not_on_the_ground_beside_it():
    shown = pixels(heated(png((300, 300)), np.ones((6, 10)), 1.0))
    assert np.ptp(shown[90, 30]) < 12 and np.ptp(shown[90, 160]) > 80


@pytest.mark.parametrize("change", [np.zeros((6, 10)), np.full((6, 10), 1e-300)])
def test_where_nothing_changes_there_is_no_colour(change):
    assert np.ptp(pixels(heated(png(), change, 0.0)), axis=2).max() < 12


def test_what_cannot_be_read_is_grey():
    shown = pixels(plain(b"text"))
    assert np.ptp(shown, axis=2).max() < 20 and np.ptp(shown[:, :, 0]) < 12
