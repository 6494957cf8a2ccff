from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.dataset.counters import COUNTERS, Counters
from vidrank_assets.errors import InvalidTable
from vidrank_assets.schema import INSTANT

START = datetime(2026, 1, 1, tzinfo=UTC)


def counters(rows, n_videos, *, hour=timedelta(hours=1)):
    """rows: (video, hours after START, views)."""
    columns = {"video": pl.UInt32, "captured_at": INSTANT} | dict.fromkeys(COUNTERS, pl.Int64)
    captures = [(video, START + hours * hour, views, None, None) for video, hours, views in rows]
    return Counters.of(pl.DataFrame(captures, schema=columns, orient="row"), n_videos)


def hours(series):
    return [None if at is None else (at - START) / timedelta(hours=1) for at in series]


def test_the_captures_beside_a_moment_are_the_last_not_after_it_and_the_next():
    rows = [(1, 5, 50), (0, 1, 10), (0, 3, 30), (0, 2, 20), (2, 9, 90)]
    beside = counters(rows, 4).beside(pl.Series([START + timedelta(hours=2)] * 4, dtype=INSTANT))
    assert hours(beside["left_captured_at"]) == [2, None, None, None]
    assert beside["left_view_count"].to_list() == [20, None, None, None]
    assert hours(beside["right_captured_at"]) == [3, 5, 9, None]
    assert beside["right_view_count"].to_list() == [30, 50, 90, None]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), unique=True, max_size=40),
    st.lists(st.integers(-2, 32), min_size=4, max_size=4),
)
def test_the_search_in_all_videos_at_once_finds_what_a_search_in_each_finds(captures, moments):
    asked = pl.Series([START + timedelta(hours=moment) for moment in moments], dtype=INSTANT)
    beside = counters([(video, at, at) for video, at in captures], 4).beside(asked)
    own = [[at for video, at in captures if video == each] for each in range(4)]
    left = [max((at for at in own[each] if at <= moments[each]), default=None) for each in range(4)]
    right = [min((at for at in own[each] if at > moments[each]), default=None) for each in range(4)]
    assert beside["left_view_count"].to_list() == left
    assert beside["right_view_count"].to_list() == right


def test_a_counter_goes_down_when_it_is_below_its_previous_shown_reading():
    rows = [(0, 1, 5), (0, 2, None), (0, 3, 4), (1, 1, 3), (1, 2, 3), (2, 1, 2), (3, 1, 1), (3, 2, None)]
    assert counters(rows, 5).goes_down().to_list() == [True, False, False, False, False]


def test_two_captures_of_a_video_at_one_moment_are_refused():
    with pytest.raises(InvalidTable, match="one row per video_id and captured_at; found 1 "):
        counters([(0, 1, 5), (1, 1, 5), (0, 1, 6)], 2)


def test_captures_too_far_apart_for_one_integer_of_video_and_time_are_sorted_all_the_same():
    millennium = timedelta(days=365_000)
    rows = [(199, 7, 1), (0, 7, 2), (199, 0, 3), (0, 0, 4)]
    assert counters(rows, 200, hour=millennium).rows["view_count"].to_list() == [4, 2, 3, 1]
