from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.capture.quota import Ledger, quota_day, reset_at
from vidrank_assets.errors import InvalidInput, QuotaSpent
from vidrank_assets.settings import Bucket, Settings
from vidrank_assets.storage import Storage

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
SMALL = {
    "shared": Bucket(limit=10, costs={"videos.list": 1, "channels.list": 1}),
    "search": Bucket(limit=300, costs={"search.list": 100}),
}


@pytest.fixture
def folder(tmp_path):
    return Storage(str(tmp_path / "store"))


@pytest.mark.parametrize(
    ("at", "day", "reset"),
    [
        ("2026-01-10T07:59:59", date(2026, 1, 9), "2026-01-10T08:00:00"),  # winter: UTC-8
        ("2026-01-10T08:00:00", date(2026, 1, 10), "2026-01-11T08:00:00"),
        ("2026-07-10T06:59:59", date(2026, 7, 9), "2026-07-10T07:00:00"),  # summer: UTC-7
        ("2026-03-08T07:59:59", date(2026, 3, 7), "2026-03-08T08:00:00"),  # clocks go forward on 8 March:
        ("2026-03-08T08:00:00", date(2026, 3, 8), "2026-03-09T07:00:00"),  # that day has 23 hours
        ("2026-11-01T07:00:00", date(2026, 11, 1), "2026-11-02T08:00:00"),  # back on 1 November: 25 hours
    ],
)
def test_the_quota_starts_anew_at_midnight_pacific_also_where_clocks_change(at, day, reset):
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert quota_day(moment) == day
    assert reset_at(moment) == datetime.fromisoformat(reset).replace(tzinfo=UTC)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_a_reset_is_the_first_instant_of_the_next_pacific_day(moment):
    reset = reset_at(moment)
    assert moment < reset <= moment + timedelta(hours=25)
    assert quota_day(reset) == quota_day(moment) + timedelta(days=1)
    assert quota_day(reset - timedelta(microseconds=1)) == quota_day(moment)
    local = reset.astimezone(ZoneInfo("America/Los_Angeles"))
    assert (local.hour, local.minute, local.second) == (0, 0, 0)


def test_nine_tenths_of_a_bucket_may_be_asked_for_and_no_more(store):
    ledger = Ledger(store, SMALL)
    for _ in range(9):
        ledger.spend("videos.list", at=NOON)
    with pytest.raises(
        QuotaSpent, match=r"allows 9 units a day; 9 were asked for .* after the reset at 2026-02-11 08:00"
    ):
        ledger.spend("channels.list", at=NOON)
    assert (ledger.spent("shared", at=NOON), ledger.left("shared", at=NOON)) == (9, 0)


def test_what_was_spent_is_known_to_the_next_process_and_forgotten_at_the_reset(store):
    ledger = Ledger(store, SMALL)
    ledger.spend("videos.list", at=NOON)
    ledger.spend("videos.list", at=NOON)
    again = Ledger(store, SMALL)
    assert again.spent("shared", at=NOON) == 2
    assert again.spent("shared", at=reset_at(NOON)) == 0


def test_a_call_costs_what_its_bucket_says_and_is_not_begun_when_that_is_not_left(folder):
    ledger = Ledger(folder, SMALL)
    ledger.spend("search.list", at=NOON)
    ledger.spend("search.list", at=NOON)
    with pytest.raises(QuotaSpent, match="allows 270 units a day; 200 were asked for and the rest is kept for people"):
        ledger.spend("search.list", at=NOON)
    assert ledger.left("search", at=NOON) == 70


def test_after_google_says_that_a_bucket_is_empty_nothing_is_asked_of_it_until_the_reset(folder):
    Ledger(folder, SMALL).refuse("videos.list", at=NOON)
    again = Ledger(folder, SMALL)
    assert again.left("shared", at=NOON) == 0
    with pytest.raises(QuotaSpent, match="Google says it is used up"):
        again.spend("channels.list", at=NOON)
    again.spend("search.list", at=NOON)
    again.spend("channels.list", at=reset_at(NOON))


def test_a_method_in_two_buckets_or_in_none_is_a_fault_of_the_settings(folder):
    both = {**SMALL, "other": Bucket(limit=1, costs={"videos.list": 1})}
    with pytest.raises(InvalidInput, match=r"each method in one bucket; videos\.list is in several"):
        Ledger(folder, both)
    with pytest.raises(InvalidInput, match=r"what videos\.batchGetStats costs; no bucket names it"):
        Ledger(folder, SMALL).spend("videos.batchGetStats", at=NOON)


def test_the_settings_have_the_buckets_of_june_2026():
    buckets = Settings().quota
    assert {name: bucket.limit for name, bucket in buckets.items()} == {
        "shared": 10_000,
        "batch_get_stats": 10_000,
        "search": 100,
    }
    assert {cost for bucket in buckets.values() for cost in bucket.costs.values()} == {1}


def test_buckets_as_they_were_before_are_a_setting(monkeypatch):
    monkeypatch.setenv("VIDRANK_QUOTA", '{"shared": {"limit": 10000, "costs": {"search.list": 100, "videos.list": 1}}}')
    assert Settings().quota == {"shared": Bucket(limit=10_000, costs={"search.list": 100, "videos.list": 1})}
