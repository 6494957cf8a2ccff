from datetime import UTC, datetime

import polars as pl
import pytest

from vidrank_assets.dataset.metric_definition import BREAKS, crosses_break, is_short, metric_definition

SHORTS_BREAK = datetime(2025, 3, 31, tzinfo=UTC)
BREAK_OF_ALL = datetime(2026, 8, 24, tzinfo=UTC)


def definition(at, duration_sec):
    frame = pl.DataFrame({"at": [at], "sec": [duration_sec]}, schema_overrides={"sec": pl.Int64})
    return frame.select(metric_definition(pl.col("at"), is_short(pl.col("sec")))).item()


def crosses(start, end, duration_sec):
    frame = pl.DataFrame({"a": [start], "b": [end], "sec": [duration_sec]}, schema_overrides={"sec": pl.Int64})
    return frame.select(crosses_break(pl.col("a"), pl.col("b"), is_short(pl.col("sec")))).item()


@pytest.mark.parametrize(("duration_sec", "short"), [(1, True), (180, True), (181, False), (None, None), (0, None)])
def test_a_short_is_at_most_three_minutes_long_and_no_length_is_no_answer(duration_sec, short):
    assert pl.select(is_short(pl.lit(duration_sec, pl.Int64))).item() is short


@pytest.mark.parametrize(
    ("at", "duration_sec", "name"),
    [
        (datetime(2025, 3, 30, 23, 59, tzinfo=UTC), 60, "original"),
        (SHORTS_BREAK, 60, "shorts_2025_03_31"),
        (SHORTS_BREAK, 600, "original"),
        (datetime(2026, 8, 23, tzinfo=UTC), 600, "original"),
        (BREAK_OF_ALL, 600, "all_2026_08_24"),
        (BREAK_OF_ALL, 60, "all_2026_08_24"),
    ],
)
def test_a_definition_holds_from_its_break_on_for_the_formats_it_names(at, duration_sec, name):
    assert definition(at, duration_sec) == name


@pytest.mark.parametrize(
    ("at", "name"),
    [(datetime(2024, 1, 1, tzinfo=UTC), "original"), (SHORTS_BREAK, None), (BREAK_OF_ALL, "all_2026_08_24")],
)
def test_a_video_of_unknown_length_has_a_definition_only_where_it_does_not_depend_on_the_length(at, name):
    assert definition(at, None) == name


@pytest.mark.parametrize(
    ("start_day", "end_day", "duration_sec", "crossed"),
    [
        (30, 31, 60, True),
        (30, 30, 60, False),
        (31, 31, 60, False),
        (30, 31, 600, False),
        (30, 31, None, True),
    ],
)
def test_a_window_crosses_a_break_that_lies_after_its_start_and_not_after_its_end(
    start_day, end_day, duration_sec, crossed
):
    window = (datetime(2025, 3, start_day, tzinfo=UTC), datetime(2025, 3, end_day, tzinfo=UTC))
    assert crosses(*window, duration_sec) is crossed


def test_the_breaks_are_those_of_the_spec_in_the_order_of_time():
    assert [(each.at, each.formats) for each in BREAKS] == [(SHORTS_BREAK, "shorts"), (BREAK_OF_ALL, "all")]
