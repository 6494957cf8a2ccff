import json
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from vidrank_assets.capture.remembered import newest_catalogue
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.capture.youtube_api import YouTubeApi
from vidrank_assets.errors import InvalidInput, SourceRefused, SourceUnavailable
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS
from vidrank_assets_tests.capture.conftest import MOMENT


def test_a_day_has_every_video_of_the_watched_channels_once(team):
    rows, rejected, told = team.captured()
    SNAPSHOTS.checked(rows)
    REJECTED_CAPTURES.checked(rejected)
    published = SampleWorld(n_channels=12).truth(
        [date(2026, 1, 5) + timedelta(days=d) for d in range(37)], age=timedelta(1)
    )
    there = set(published.filter(pl.col("published_at") < MOMENT)["video_id"]) - set(rejected["video_id"])
    assert sorted(rows["video_id"]) == sorted(there)
    assert told["state"] == "complete"
    assert set(rows["source"]) == {"youtube_api"} and set(rows["query"]) == {"tech"}
    assert "synthetic" in told["answered_by"]


def test_hidden_counters_are_null_and_not_zero(team):
    rows = team.captured().rows
    assert rows["view_count"].null_count() == 0
    assert 0 < rows["like_count"].null_count() < rows.height
    assert rows.filter(pl.col("like_count") == 0).is_empty()
    channels = team.source().channel_snapshots([MOMENT.date()]).rows
    CHANNEL_SNAPSHOTS.checked(channels)
    assert channels.height == 12


def test_run_again_in_the_same_slot_it_gives_the_same_rows_and_costs_nothing(team):
    first, spent = team.captured(), dict(team.fake.spent)
    later = team.captured(MOMENT + timedelta(hours=1))
    assert later.rows.equals(first.rows)
    assert team.fake.spent == spent


def test_channels_and_videos_are_two_assets_and_their_pages_are_paid_once(team):
    team.source().channel_snapshots([MOMENT.date()])
    team.captured()
    assert len(team.asked("channels.list")) == 1


def test_the_stand_in_charges_what_the_ledger_says_and_no_more_than_was_planned(team, next_day):
    team.captured()
    source = team.source(next_day)
    planned = source.plan().units(source.ledger)
    source.snapshots(source.days())
    charged = {bucket: units for bucket, units in team.fake.spent.items() if units}
    assert charged == {name: source.ledger.spent(name, at=next_day) for name in charged}
    assert charged == {**planned, "shared": planned["shared"] - 1}  # no video was left out by an answer


def test_a_plan_costs_nothing_and_needs_no_key(team, monkeypatch):
    monkeypatch.delenv("VIDRANK_YOUTUBE_API_KEY")
    budget = team.source().budget()
    assert budget.select("bucket", "planned", "today", "left", "fits").rows() == [
        ("shared", 13 + 1, 0, 9000, True),  # a page of channels, 12 of uploads, a 28th of 600 videos described
        ("batch_get_stats", 12, 0, 9000, True),
        ("search", 0, 0, 90, True),
    ]
    assert not team.fake.asked


def test_another_day_than_today_is_refused_whole(team):
    source = team.source()
    for days in ([date(2026, 2, 9)], [date(2026, 2, 9), date(2026, 2, 10)], [date(2026, 2, 11)]):
        for capture in (source.snapshots, source.channel_snapshots, source.thumbnails):
            with pytest.raises(SourceRefused, match=r"only knows the present, and today is 2026-02-10 in UTC"):
                capture(days)
    assert not team.fake.asked


def test_the_next_day_reads_known_videos_first_and_finds_new_ones(team, next_day):
    known = team.captured().rows
    n_before = len(team.fake.asked)
    rows, _, told = team.captured(next_day)
    methods = [each.method for each in team.fake.asked[n_before:]]
    assert methods.index("videos.batchGetStats") < methods.index("playlistItems.list")
    new = set(rows["video_id"]) - set(known["video_id"])
    assert told["new_videos"] == len(new) > 0
    grown = known.join(rows, on="video_id")
    assert (grown["view_count_right"] >= grown["view_count"]).mean() > 0.9


def test_counters_left_out_of_an_answer_are_asked_for_again(team):
    everything = set(team.captured().rows["video_id"])
    team.fake.fault("videos.batchGetStats", "missing_ids", share=0.3)
    next_day = MOMENT + timedelta(days=1)
    rows, rejected, _ = team.captured(next_day)
    gone = set(rejected.filter(pl.col("reason") == "gone")["video_id"])
    assert everything - gone <= set(rows["video_id"])
    assert "not_read" not in rejected["reason"]


def test_a_deleted_video_is_set_aside_once_and_not_asked_for_again(large_team):
    team, at, gone = large_team, MOMENT, {}
    for _ in range(6):
        rows, rejected, _ = team.captured(at)
        gone |= {video: at for video in rejected.filter(pl.col("reason") == "gone")["video_id"] if video not in gone}
        assert not set(rows["video_id"]) & {video for video, since in gone.items() if since <= at}
        at += timedelta(days=1)
    assert gone  # the stand-in deletes a few videos some days after publication
    missing = newest_catalogue(team.store).filter(pl.col("gone_at").is_not_null())
    assert set(gone) <= set(missing["video_id"])
    asked = [video for each in team.asked("videos.batchGetStats")[-8:] for video in each.params["id"]]
    assert len(asked) > 300
    assert not set(gone) & set(asked)


def test_a_video_that_was_away_for_a_day_is_captured_again_as_soon_as_it_is_listed(team, next_day):
    before = set(team.captured().rows["video_id"])
    team.fake.fault("videos.batchGetStats", "missing_ids", share=0.5, times=None)
    team.fake.fault("videos.list", "missing_ids", share=1.0)
    assert team.captured(next_day).told["gone_videos"] > 10
    team.fake.heal()
    rows, rejected, told = team.captured(next_day + timedelta(days=1))
    assert told["gone_videos"] == 0
    assert before <= {*rows["video_id"], *rejected["video_id"]}


def test_counters_of_known_videos_are_read_even_when_nothing_else_may_be_asked(team, monkeypatch, next_day):
    known = team.captured().rows.height
    shared = {"channels.list": 1, "playlistItems.list": 1, "videos.list": 1}
    stats = {"limit": 100, "costs": {"videos.batchGetStats": 1}}
    buckets = {"shared": {"limit": 0, "costs": shared}, "stats": stats}
    monkeypatch.setenv("VIDRANK_QUOTA", json.dumps(buckets))
    rows, _, told = team.captured(next_day)
    assert rows.height == known
    assert told["state"] == "waiting_for_quota"


def test_a_malformed_item_is_set_aside_with_its_reason_and_the_others_are_captured(team):
    team.fake.fault("videos.batchGetStats", "negative_count", times=1)
    rows, rejected, told = team.captured()
    assert told["state"] == "complete"
    broken = rejected.filter(pl.col("reason") == "invalid_view_count")
    assert broken.height > 0 and broken["raw"].null_count() == 0
    # Their counters were asked for again, and are there.
    assert set(broken["video_id"]) <= set(rows["video_id"])


def test_adaptive_slots_of_a_day_add_the_young_videos_only(team, monkeypatch):
    monkeypatch.setenv("VIDRANK_CADENCE", "adaptive")
    monkeypatch.setenv("VIDRANK_CAPTURES_PER_DAY", "4")
    morning = team.captured(MOMENT).rows
    noon = team.captured(MOMENT + timedelta(hours=6)).rows
    ages = (MOMENT + timedelta(hours=6) - noon["published_at"]).dt.total_hours()
    assert 0 < noon.height < morning.height
    assert ages.max() <= 72
    assert (MOMENT - morning["published_at"]).dt.total_hours().max() <= 30 * 24 + 12


def test_without_a_stand_in_the_clock_cannot_be_set(team, monkeypatch):
    monkeypatch.setenv("VIDRANK_YOUTUBE_ENDPOINT", "https://youtube.googleapis.com/")
    with pytest.raises(InvalidInput, match="sets the clock of a stand-in"):
        YouTubeApi(team.store, at="2026-02-10T06:00:00Z")


def test_videos_older_than_the_watch_are_not_captured(team, monkeypatch):
    monkeypatch.setenv("VIDRANK_WATCH_DAYS", "10")
    rows = team.captured().rows
    assert rows.height and (MOMENT - rows["published_at"]).max() <= timedelta(days=10)


def test_when_google_stops_answering_what_was_answered_is_the_capture_and_it_goes_on_later(team, without_waiting):
    team.captured()
    n_before, day = len(team.fake.asked), MOMENT + timedelta(days=1)
    team.fake.fault("playlistItems.list", "backend_error", times=None, after=6)
    rows, _, told = team.captured(day)
    assert told["state"] == "unavailable"
    assert timedelta(minutes=30) <= datetime.fromisoformat(told["resumes_at"]) - day < timedelta(minutes=32)
    team.fake.heal()
    later, _, told = team.captured(day + timedelta(minutes=31))
    assert told["state"] == "complete"
    assert rows.height > 0 and set(rows["video_id"]) < set(later["video_id"])
    answered = [each for each in team.fake.asked[n_before:] if each.status == 200]
    pages = [str(each.params) for each in answered if each.method == "playlistItems.list"]
    assert len(pages) == len(set(pages)) == 12


def test_when_google_answers_nothing_at_all_the_capture_fails(team, without_waiting):
    team.fake.fault("*", "backend_error", times=None)
    for capture in (team.source().snapshots, team.source().channel_snapshots):
        with pytest.raises(SourceUnavailable):
            capture([MOMENT.date()])


def test_an_empty_bucket_of_searches_costs_nothing_but_the_searches(team, monkeypatch):
    team.watch({"tech": {"channels": team.fake.channel_ids, "queries": ["Robot"]}})
    team.fake.fault("search.list", "quota_exceeded", times=None)
    rows, _, told = team.captured()
    assert told["state"] == "waiting_for_quota"
    assert rows.height > 50 and newest_catalogue(team.store)["metadata_at"].count() > 0
    assert team.fake.asked[-1].method == "search.list"


def test_a_channel_that_is_watched_no_more_is_captured_no_more(team, next_day):
    team.captured()
    kept = team.fake.channel_ids[:3]
    team.watch({"tech": {"channels": kept}})
    rows = team.captured(next_day).rows
    assert rows.height > 0 and set(rows["channel_id"]) <= set(kept)


def test_with_another_watch_list_in_the_same_slot_a_video_is_still_captured_once(team):
    team.watch({"tech": {"channels": team.fake.channel_ids[:6]}})
    first = team.captured().rows
    team.store.write_table(f"snapshots/day={MOMENT.date()}/data.parquet", first)
    team.watch({"tech": {"channels": team.fake.channel_ids}})
    more = team.captured(MOMENT + timedelta(minutes=5)).rows
    both = pl.concat([first, more]).unique(["video_id", "captured_at"])
    assert both.height == both["video_id"].n_unique() > first.height


def test_a_day_that_ended_meanwhile_is_what_was_answered_on_it_and_nothing_is_asked(team):
    late = MOMENT.replace(hour=23, minute=50)
    first = team.captured(late)
    n_asked, after = len(team.fake.asked), team.source(late + timedelta(minutes=20))
    assert after.snapshots([late.date()]).rows.equals(first.rows)
    assert after.channel_snapshots([late.date()]).rows.height == 12
    assert after.thumbnails([late.date()]).rows.is_empty()
    assert len(team.fake.asked) == n_asked


def test_a_refusal_names_the_entry_that_it_is_about(team):
    team.watch({"tech": {"handles": ["@somebody"]}})
    team.fake.fault("channels.list", "forbidden", times=None)
    with pytest.raises(SourceRefused, match=r"It was asked by channels\.list about @somebody\."):
        team.captured()
