from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.capture.cadence import LAST_LABELLED, Slot, due
from vidrank_assets.capture.remembered import VIDEO_CATALOGUE

BEGUN = datetime(2026, 2, 10, 12, tzinfo=UTC)
SLOT = Slot(date(2026, 2, 10), 2)


def turn(cadence, *, age, captured_at=None, gone_at=None, watch=timedelta(days=90)):
    video = {"video_id": "a", "published_at": BEGUN - age, "captured_at": captured_at, "gone_at": gone_at}
    rows = pl.DataFrame([video], schema=VIDEO_CATALOGUE.schema)
    return rows.select(due(SLOT, begun_at=BEGUN, watch=watch, cadence=cadence)).item()


@pytest.mark.parametrize(
    ("clock", "captures_per_day", "name"),
    [
        ("00:00:00", 1, "2026-02-10T00"),
        ("23:59:59", 1, "2026-02-10T00"),
        ("05:59:59", 4, "2026-02-10T00"),
        ("06:00:00", 4, "2026-02-10T01"),
        ("23:59:59", 24, "2026-02-10T23"),
    ],
)
def test_a_day_has_as_many_slots_as_captures(clock, captures_per_day, name):
    assert Slot.at(datetime.fromisoformat(f"2026-02-10T{clock}+00:00"), captures_per_day).name == name


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), st.integers(1, 24))
def test_names_of_slots_sort_as_time_does_and_a_day_ends_at_midnight(moment, n):
    slot, later = Slot.at(moment, n), Slot.at(moment + timedelta(hours=1), n)
    assert 0 <= slot.number < n
    assert slot.name <= later.name
    assert slot.day == moment.date() and slot.ends_at > moment


def test_daily_every_video_that_is_watched_and_there_is_due():
    assert turn("daily", age=timedelta(days=1), captured_at=BEGUN - timedelta(hours=1))
    assert turn("daily", age=timedelta(days=90))
    assert not turn("daily", age=timedelta(days=90, seconds=1))
    assert not turn("daily", age=timedelta(days=1), gone_at=BEGUN)


def test_adaptively_a_young_video_is_due_in_every_slot_and_an_older_one_once_a_day():
    today = BEGUN - timedelta(hours=6)
    assert turn("adaptive", age=timedelta(days=3), captured_at=today)
    assert not turn("adaptive", age=timedelta(days=3, seconds=1), captured_at=today)
    assert turn("adaptive", age=timedelta(days=4), captured_at=BEGUN - timedelta(hours=13))
    assert turn("adaptive", age=timedelta(days=4))


def test_adaptively_a_video_past_the_longest_horizon_and_its_tolerance_is_due_no_more():
    assert timedelta(days=30, hours=12) == LAST_LABELLED
    assert turn("adaptive", age=LAST_LABELLED)
    assert not turn("adaptive", age=LAST_LABELLED + timedelta(seconds=1))
    assert turn("daily", age=LAST_LABELLED + timedelta(seconds=1))


def test_adaptively_a_missed_day_at_the_longest_horizon_is_made_up_for_while_that_gives_a_label():
    late = timedelta(days=31)
    assert turn("adaptive", age=late, captured_at=BEGUN - timedelta(hours=48))  # at 29 days, and now at 31
    assert not turn("adaptive", age=late, captured_at=BEGUN - timedelta(hours=23))  # at 30 days and an hour
    assert turn("adaptive", age=timedelta(days=32), captured_at=BEGUN - timedelta(hours=72))
    assert not turn("adaptive", age=timedelta(days=32), captured_at=BEGUN - timedelta(hours=73))
