import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.features.saliency import PLACE, SIZE, leading, spectral_residual

WIDTH, HEIGHT = SIZE


def dark(*dots, of=1.0):
    """A dark picture with bright dots of 2 x 2 pixels at some places (across, down)."""
    luma = np.zeros((HEIGHT, WIDTH))
    for across, down in dots:
        luma[down : down + 2, across : across + 2] = of
    return luma


def test_a_third_of_the_map_is_whole():
    assert (3 * PLACE[0], 3 * PLACE[1]) == SIZE


def test_a_dot_is_the_most_salient_place_and_nothing_else_is_salient():
    salient = spectral_residual(dark((40, 10)))
    down, across = np.unravel_index(salient.argmax(), salient.shape)
    assert (across, down) in {(40, 10), (41, 10), (40, 11), (41, 11)}
    assert salient[2:22, 32:52].sum() > 0.95 * salient.sum()


def test_what_is_repeated_everywhere_is_less_salient_than_what_is_there_once():
    stripes = np.zeros((HEIGHT, WIDTH))
    stripes[:, ::3] = 0.6
    stripes[20:24, 30:34] = 1.0
    salient = spectral_residual(stripes)
    down, across = np.unravel_index(salient.argmax(), salient.shape)
    assert 20 <= down < 24 and 30 <= across < 34


def test_noise_below_a_grey_level_leads_nowhere():
    """Files of plain pictures hold some; without the floor its whitened spectrum would be all there is to see."""
    noisy = 0.5 + np.random.default_rng(0).uniform(-0.5, 0.5, (HEIGHT, WIDTH)) / 255
    assert leading(spectral_residual(noisy)).prominence < 0.01


def test_the_share_of_the_first_place_is_counted_above_its_area():
    """All in one place: 1. Half in it, half spread over two others: (1/2 - 1/9) / (8/9) = 7/16."""
    one = np.zeros((HEIGHT, WIDTH))
    one[: PLACE[1], : PLACE[0]] = 1
    assert leading(one).prominence == pytest.approx(1)
    three = dark((5, 5)) * 2 + dark((35, 5)) + dark((5, 28))
    assert leading(three).prominence == pytest.approx(7 / 16)


def test_the_next_place_is_compared_with_the_first():
    """Of one, nothing comes next; of two equals none leads; a next with half of the first leaves one half."""
    assert leading(dark((5, 5))).hierarchy == pytest.approx(1)
    assert leading(dark((5, 5), (50, 28))).hierarchy == pytest.approx(0)
    assert leading(dark((5, 5)) * 2 + dark((50, 28))).hierarchy == pytest.approx(0.5)


def test_the_next_place_does_not_overlap_the_first():
    """Two dots within one place are one place, wherever its corner is."""
    assert leading(dark((20, 10), (24, 14))).hierarchy == pytest.approx(1)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_in_a_plain_picture_nothing_leads(value):
    lead = leading(spectral_residual(np.full((HEIGHT, WIDTH), value)))
    assert lead == pytest.approx((0, 0), abs=1e-6)


@given(st.integers(0, 1000), st.floats(0.05, 20))
def test_what_leads_is_between_0_and_1_and_does_not_depend_on_the_scale_of_the_map(seed, power):
    salient = np.random.default_rng(seed).random((HEIGHT, WIDTH)) ** power
    lead = leading(salient)
    assert all(0 <= each <= 1 for each in lead)
    assert leading(7 * salient) == pytest.approx(lead)
