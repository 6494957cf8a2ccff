import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.models.ranking.pair_calibration import LEAST_SLOPE, PairCalibration

RANKS = np.array([0.0, 1.0, 0.0, 2.0])
OVER = np.array([0.0, 2.0, 5.0, 7.0])
CHANNEL = np.array([3, 3, 8, 8])


def test_the_slope_is_that_of_differences_within_channels():
    """About their channel's means: ranks ∓0.5 and ∓1, log views ∓1 and ∓1; (0.5 + 0.5 + 1 + 1) / (0.25 * 2 + 1 * 2)."""
    calibration = PairCalibration.fitted(RANKS, OVER, CHANNEL)
    assert calibration.slope == pytest.approx(1.2)
    assert calibration.in_log_views(np.array([1.0, -2.0])).tolist() == pytest.approx([1.2, -2.4])


def test_what_is_expected_never_falls_as_the_rank_rises_and_is_level_outside():
    calibration = PairCalibration.fitted(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0]), np.zeros(3, np.int64))
    expected = calibration.expected(np.array([-9.0, 0.0, 0.5, 1.0, 2.0, 9.0]))
    assert expected.tolist() == pytest.approx([1, 1, 1.75, 2.5, 2.5, 2.5])


@pytest.mark.parametrize("ranks", [-OVER, np.ones(4)])
def test_an_order_that_says_nothing_or_the_opposite_is_kept_but_hardly_moves_views(ranks):
    assert PairCalibration.fitted(ranks, OVER, CHANNEL).slope == LEAST_SLOPE


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=2))
def test_what_all_videos_of_a_channel_have_more_changes_no_slope(more):
    raised = OVER + np.repeat(more, 2)
    assert PairCalibration.fitted(RANKS, raised, CHANNEL).slope == pytest.approx(1.2)


def test_what_is_stored_is_the_same_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    calibration = PairCalibration.fitted(rng.normal(size=50), rng.normal(size=50), rng.integers(0, 5, 50))
    calibration.save(tmp_path / "calibration.json")
    assert PairCalibration.load(tmp_path / "calibration.json") == calibration


def test_one_video_is_enough_for_a_level():
    assert (
        PairCalibration.fitted(np.ones(1), np.array([0.5]), np.zeros(1, np.int64)).expected(RANKS).tolist() == [0.5] * 4
    )
