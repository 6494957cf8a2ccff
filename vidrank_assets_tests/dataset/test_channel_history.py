import math
from datetime import UTC, datetime, timedelta
from itertools import groupby
from statistics import mean, median, stdev

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from vidrank_assets.dataset.channel_history import (
    channel_history,
    channel_state,
    first_capture_events,
    target_events,
    uploads_before,
)
from vidrank_assets.schema import INSTANT
from vidrank_assets.tables import CHANNEL_SNAPSHOTS

START = datetime(2026, 1, 5, tzinfo=UTC)
EVENT = {
    "video_id": pl.String,
    "channel_id": pl.String,
    "category_id": pl.String,
    "published_at": INSTANT,
    "value": pl.Float64,
    "known_at": INSTANT,
}
QUERY = {"channel_id": pl.String, "category_id": pl.String, "as_of": INSTANT}


def day(number):
    return START + timedelta(days=number)


def events(*rows):
    """Events of (channel, category, day known, value), published a day before they are known."""
    named = [(f"v{i:03}", c, g, day(known - 1), value, day(known)) for i, (c, g, known, value) in enumerate(rows)]
    return pl.DataFrame(named, schema=EVENT, orient="row")


def queries(*rows):
    """Queries of (channel, category, day)."""
    return pl.DataFrame([(channel, category, day(at)) for channel, category, at in rows], schema=QUERY, orient="row")


def history(query, *rows):
    return channel_history(queries(query), events(*rows)).row(0, named=True)


def test_the_history_of_a_channel_is_worked_from_its_own_events():
    found = history(("a", "g", 9), ("a", "g", 1, 2.0), ("a", "g", 3, 9.0), ("b", "g", 4, 50.0), ("a", "g", 2, 4.0))
    assert (found["count"], found["median"], found["latest"]) == (3, 4.0, 9.0)
    assert found["spread"] == pytest.approx(math.sqrt(13))  # deviations -3, -1, 4 from 5: (9 + 1 + 16) / 2


def test_an_event_counts_from_the_moment_it_is_known():
    rows = [("a", "g", 3, 7.0)]
    assert history(("a", "g", 2), *rows)["count"] == 0
    assert history(("a", "g", 3), *rows)["count"] == 1


def test_without_any_event_everything_but_the_count_is_null():
    nothing = {"count": 0, "median": None, "spread": None, "mean": None, "latest": None}
    assert history(("a", "g", 9)) == nothing


def test_one_event_has_no_spread():
    assert history(("a", "g", 9), ("a", "g", 1, 2.0))["spread"] is None


def test_the_empirical_bayes_mean_shrinks_by_the_variance_within_over_that_between_channels():
    # a: 1, 3 and b: 5, 7. w = 4 / 2 = 2; SS between = 16; n0 = 4 - 8 / 4 = 2; b = (16 - 2) / 2 = 7.
    rows = [("a", "g", 1, 1.0), ("a", "g", 2, 3.0), ("b", "g", 1, 5.0), ("b", "g", 2, 7.0)]
    assert history(("a", "g", 9), *rows)["mean"] == pytest.approx(4 + (2 - 4) * 14 / 16)
    assert history(("new", "g", 9), *rows)["mean"] == pytest.approx(4)


def test_channels_that_do_not_differ_are_shrunk_all_the_way():
    rows = [("a", "g", 1, 1.0), ("a", "g", 2, 9.0), ("b", "g", 1, 2.0), ("b", "g", 2, 8.0)]
    assert history(("a", "g", 9), *rows)["mean"] == 5.0


def test_channels_whose_videos_do_not_differ_are_not_shrunk():
    rows = [("a", "g", 1, 1.0), ("a", "g", 2, 1.0), ("b", "g", 1, 9.0), ("b", "g", 2, 9.0)]
    assert history(("a", "g", 9), *rows)["mean"] == pytest.approx(1.0)


def test_a_new_category_is_taken_to_be_like_all_videos():
    assert history(("new", "new", 9), ("a", "g", 1, 1.0), ("b", "h", 1, 5.0))["mean"] == 3.0


def test_a_video_without_channel_has_an_unknown_history_and_its_categorys_mean():
    found = history((None, "g", 9), ("a", "g", 1, 2.0), ("b", "h", 1, 8.0))
    assert (found["count"], found["median"], found["mean"]) == (None, None, 2.0)


def test_videos_without_category_are_a_category():
    assert history(("new", None, 9), ("a", None, 1, 2.0), ("b", "h", 1, 8.0))["mean"] == 2.0


def expected_mean(own, cells, categories, everything):
    """The empirical-Bayes mean by the textbook's formulas, from lists."""
    if not everything:
        return None
    prior = mean(categories[own[1]]) if own[1] in categories else mean(everything)
    values = [value for (_, channel), cell in cells.items() if channel == own[0] for value in cell]
    n, c, g = len(everything), len(cells), len(categories)
    if not values or c in (n, g):
        return prior
    within = sum((value - mean(cell)) ** 2 for cell in cells.values() for value in cell) / (n - c)
    between = sum(len(cell) * (mean(cell) - mean(categories[name])) ** 2 for (name, _), cell in cells.items())
    effective = n - sum(len(cell) ** 2 / len(categories[name]) for (name, _), cell in cells.items())
    b = max(0.0, (between - (c - g) * within) / effective)
    if b < 1e-9:  # the sign of a difference that is zero up to rounding
        return prior
    return prior + (mean(values) - prior) * len(values) * b / (len(values) * b + within)


def expected(own, at, rows):
    """The history of one query by a loop over all events."""
    known = sorted((known, i, channel, category, value) for i, (channel, category, known, value) in enumerate(rows))
    known = [row for row in known if row[0] <= at]
    values = [value for _, _, channel, _, value in known if channel == own[0]]

    def grouped(key):
        return {name: [row[4] for row in rows] for name, rows in groupby(sorted(known, key=key), key=key)}

    cells, categories = grouped(lambda row: (row[3], row[2])), grouped(lambda row: row[3])
    return (
        len(values),
        median(values) if values else None,
        stdev(values) if len(values) > 1 else None,
        expected_mean(own, cells, categories, [row[4] for row in known]),
        values[-1] if values else None,
    )


CHANNELS, CATEGORIES, DAYS = st.sampled_from("abc"), st.sampled_from("gh"), st.integers(1, 12)
ROWS = st.lists(st.tuples(CHANNELS, CATEGORIES, DAYS, st.integers(0, 20).map(float)), max_size=25)
UNEVEN_ROWS = st.lists(st.tuples(CHANNELS, CATEGORIES, DAYS, st.floats(0, 20)), max_size=25)
QUERIES = st.lists(
    st.tuples(st.sampled_from("abcx"), st.sampled_from("ghx"), st.integers(0, 13)), min_size=1, max_size=6
)


@given(ROWS, QUERIES)
def test_the_history_is_what_a_loop_over_all_events_finds(rows, asked):
    found = channel_history(queries(*asked), events(*rows))
    by_loop = [expected((channel, category), at, rows) for channel, category, at in asked]
    assert_frame_equal(found, pl.DataFrame(by_loop, schema=found.schema, orient="row"), abs_tol=1e-6)


@given(UNEVEN_ROWS, QUERIES, st.integers(1, 12))
def test_what_becomes_known_later_changes_no_bit(rows, asked, today):
    asked = [(channel, category, min(at, today)) for channel, category, at in asked]
    seen = [row for row in rows if row[2] <= today]
    assert channel_history(queries(*asked), events(*rows)).equals(
        channel_history(queries(*asked), events(*seen)), null_equal=True
    )


def labels(*rows):
    schema = {name: EVENT[name] for name in ("video_id", "channel_id", "category_id", "published_at")}
    schema |= {"target_log": pl.Float64, "label_known_at": INSTANT}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_a_missing_label_is_no_event():
    rows = [
        ("v", "a", "g", day(0), 3.5, day(7)),
        ("w", "a", "g", day(0), None, None),
        ("x", None, "g", day(0), 2.0, day(7)),
    ]
    assert target_events(labels(*rows))["video_id"].to_list() == ["v"]


def first(*rows):
    """First captures of (video, channel, day published, day captured, views)."""
    schema = {name: EVENT[name] for name in ("video_id", "channel_id", "category_id", "published_at")}
    schema |= {"captured_at": INSTANT, "view_count": pl.Int64}
    named = [(v, c, "g", day(published), day(captured), views) for v, c, published, captured, views in rows]
    return pl.DataFrame(named, schema=schema, orient="row")


def test_first_views_are_adjusted_to_an_age_of_one_day():
    # growing as age^0.4, 999 views after 32 days are 1000 / 32^0.4 = 1000 / 4 after one
    found = first_capture_events(first(("v", "a", 0, 1, 999), ("w", "a", 0, 32, 999)))
    assert found["value"].exp().to_list() == pytest.approx([1000, 250])


def test_a_capture_before_publication_or_with_hidden_views_is_no_event():
    rows = [("v", "a", 2, 1, 0), ("w", "a", 2, 2, 0), ("x", "a", 2, 3, None), ("y", "a", 2, 3, 7)]
    assert first_capture_events(first(*rows))["video_id"].to_list() == ["y"]


def test_the_state_of_a_channel_is_its_last_capture_up_to_the_moment():
    rows = [("a", day(2), 20), ("a", day(1), 10), ("b", day(1), 99), ("a", day(5), 50)]
    captured = pl.DataFrame(rows, schema=["channel_id", "captured_at", "subscriber_count"], orient="row")
    table = pl.concat([CHANNEL_SNAPSHOTS.empty(), captured], how="diagonal_relaxed")
    asked = queries(("a", "g", 4), ("a", "g", 0), ("a", "g", 5), (None, "g", 9), ("b", "g", 9))
    assert channel_state(asked, table)["subscriber_count"].to_list() == [20, None, 50, None, 99]


def test_uploads_are_counted_once_captured_and_for_less_than_the_window():
    videos = first(("v", "a", 0, 3, 1), ("w", "a", 2, 4, 1), ("x", "b", 2, 3, 1), ("y", None, 2, 3, 1))
    asked = queries(*(("a", "g", at) for at in (2, 3, 4, 9, 10, 12)), ("new", "g", 5), (None, "g", 5))
    assert uploads_before(asked, videos, timedelta(days=10)).to_list() == [0, 1, 2, 2, 1, 0, 0, None]


def test_a_video_that_was_captured_before_its_premiere_is_no_upload_before_itself():
    videos = first(("v", "a", 5, 3, 0))
    assert uploads_before(
        queries(("a", "g", 4), ("a", "g", 5), ("a", "g", 6)), videos, timedelta(days=10)
    ).to_list() == [0, 0, 1]


@given(st.lists(st.tuples(CHANNELS, st.integers(0, 40), st.integers(-2, 50)), max_size=20), QUERIES)
def test_uploads_are_what_a_loop_counts(rows, asked):
    videos = first(*((f"v{i}", channel, at, at + later, 1) for i, (channel, at, later) in enumerate(rows)))
    by_loop = [
        sum(c == channel and published < at < published + 5 and published + later <= at for c, published, later in rows)
        for channel, _, at in asked
    ]
    assert uploads_before(queries(*asked), videos, timedelta(days=5)).to_list() == by_loop
