from datetime import timedelta

import pytest

from vidrank_assets.capture import watchlist
from vidrank_assets.capture.cadence import Slot
from vidrank_assets.capture.youtube_slot import Channel
from vidrank_assets_tests.capture.conftest import MOMENT

SINCE = MOMENT - timedelta(days=90)


@pytest.fixture
def slot(team):
    return reader(team)


def reader(team, at=MOMENT):
    return team.source(at)._reader(Slot.at(at, 1))


def watched(team):
    return watchlist.load(str(team.folder / "watch.yaml"))


def channels(team, slot):
    return slot.channels(watched(team), {})


def test_channels_come_with_their_niche_and_the_uploads_playlist(team, slot):
    read = channels(team, slot)
    assert sorted(each.item.channel_id for each in read) == sorted(team.fake.channel_ids)
    assert {each.niche for each in read} == {"tech"}
    assert all(each.item.uploads_playlist_id for each in read)
    assert len(team.fake.asked) == 1


def test_a_handle_is_resolved_once_and_asked_for_by_id_from_then_on(team, slot, next_day):
    handle = channels(team, slot)[0].item.handle
    team.watch({"news": {"handles": [handle]}})
    handles = {}
    (first,) = slot.channels(watched(team), handles)
    assert handles == {handle: first.item.channel_id}
    (again,) = reader(team, next_day).channels(watched(team), handles)
    assert (again.item.channel_id, again.niche) == (first.item.channel_id, "news")
    assert team.fake.asked[-1].params["id"] == (first.item.channel_id,)


def test_a_channel_or_a_handle_that_is_not_there_is_set_aside(team, slot):
    absent = "UC" + "x" * 22
    team.watch({"tech": {"channels": [*team.fake.channel_ids, absent], "handles": ["@nobody-has-this"]}})
    assert len(channels(team, slot)) == len(team.fake.channel_ids)
    told = slot.rejected.select("reason", "found", "file").rows()
    assert told == [("not_found", absent, "channels.list"), ("not_found", "@nobody-has-this", "channels.list")]


def test_of_channels_whose_answer_cannot_be_read_nothing_is_said(team, slot):
    team.fake.fault("channels.list", "cut_json")
    assert channels(team, slot) == []
    assert slot.rejected["reason"].to_list() == ["malformed_page"]


def test_uploads_are_read_page_by_page_until_a_page_holds_nothing_new(team, slot, monkeypatch):
    monkeypatch.setattr("vidrank_assets.capture.youtube_plan.PAGE", 3)
    (channel, *_) = sorted(channels(team, slot), key=lambda each: -each.item.video_count)
    everything = slot.uploads([channel], known=set(), since=SINCE)
    ids = [each.item.video_id for each in everything]
    assert len(ids) == len(set(ids)) >= 7
    assert len(team.asked("playlistItems.list")) == -(-len(ids) // 3)
    # One that is known on the third place ends the reading with its page.
    again = reader(team, MOMENT + timedelta(days=1))
    found = again.uploads([channel], known={ids[2]}, since=SINCE)
    assert ids[2] in {each.item.video_id for each in found}
    assert len(found) <= 6


def test_uploads_whose_list_is_cut_short_are_left_for_the_next_time_which_finds_them_all(team, next_day, monkeypatch):
    monkeypatch.setattr("vidrank_assets.capture.youtube_plan.PAGE", 3)
    (channel, *_) = sorted(channels(team, reader(team)), key=lambda each: -each.item.video_count)
    team.fake.fault("playlistItems.list", "quota_exceeded", after=1, times=None)
    cut = reader(team)
    assert cut.uploads([channel], known=set(), since=SINCE) == []
    assert cut.waiting
    team.fake.heal()
    found = reader(team, next_day).uploads([channel], known=set(), since=SINCE)
    assert len({each.item.video_id for each in found}) >= 7


def test_uploads_older_than_the_watch_end_the_reading(team, slot, monkeypatch):
    monkeypatch.setattr("vidrank_assets.capture.youtube_plan.PAGE", 3)
    (channel, *_) = sorted(channels(team, slot), key=lambda each: -each.item.video_count)
    slot.uploads([channel], known=set(), since=MOMENT)
    assert len(team.asked("playlistItems.list")) == 1


def test_a_page_token_that_loops_ends_the_reading_with_its_reason(team, slot):
    channel = channels(team, slot)[0]
    team.fake.fault("playlistItems.list", "looping_token", times=None)
    found = slot.uploads([channel], known=set(), since=SINCE)
    assert len(team.asked("playlistItems.list")) == 2
    assert slot.rejected["reason"].to_list() == ["looping_page_token"]
    assert found


def test_a_channel_without_a_playlist_is_set_aside_and_the_others_are_read(team, slot):
    one, other, *_ = channels(team, slot)
    nowhere = Channel(one.item.model_copy(update={"uploads_playlist_id": "UUnowhere"}), "tech", MOMENT)
    assert slot.uploads([nowhere, other], known=set(), since=SINCE)
    assert slot.rejected.select("reason", "found", "file").rows() == [("not_found", "UUnowhere", "playlistItems.list")]


def test_counters_that_an_answer_leaves_out_were_not_read_and_the_video_is_not_gone(team, slot):
    found = slot.uploads(channels(team, slot), known=set(), since=SINCE)
    ids = sorted({each.item.video_id for each in found})[:20]
    team.fake.fault("videos.batchGetStats", "missing_ids", share=0.3)
    counted = slot.counters(ids)
    assert 0 < len(counted) < 20
    missing = sorted(set(ids) - {each.item.video_id for each in counted})
    assert [each.item is not None for each in slot.described(missing)] == [True] * len(missing)


def test_what_videos_list_leaves_out_is_gone(team, slot):
    (described,) = slot.described(["zzzzzzzzzzz"])
    assert (described.video_id, described.item) == ("zzzzzzzzzzz", None)


def test_an_answer_that_cannot_be_read_says_of_no_video_that_it_is_gone(team, slot):
    team.fake.fault("videos.list", "cut_json")
    assert slot.described(["zzzzzzzzzzz"]) == []
    assert slot.rejected["reason"].to_list() == ["malformed_page"]


def test_when_the_quota_is_spent_nothing_more_is_asked_and_what_is_kept_is_still_read(team, slot):
    known = channels(team, slot)
    team.fake.fault("playlistItems.list", "quota_exceeded", times=None)
    again = reader(team)
    assert again.uploads(known, known=set(), since=SINCE) == []
    assert again.stopped == "waiting_for_quota"
    assert again.counters(["aaaaaaaaaaa"]) == []
    assert len(channels(team, again)) == len(known)
    assert [each.method for each in team.fake.asked] == ["channels.list", "playlistItems.list"]


def test_after_midnight_the_slot_asks_nothing_more(team):
    late = MOMENT.replace(hour=23, minute=59, second=59, microsecond=900_000)
    source = team.source(late)
    clock = [late]
    slot = source._reader(Slot.at(late, 1))
    slot._clock = lambda: clock[0]
    assert channels(team, slot)
    clock[0] += timedelta(seconds=1)
    assert slot.counters(["aaaaaaaaaaa"]) == []
    assert slot.stopped == "cut_at_midnight"
    assert len(team.fake.asked) == 1


def test_a_query_finds_videos_and_costs_a_search(team, slot):
    team.watch({"tech": {"queries": ["Robot"]}})
    found = slot.searched(watched(team), begun_at=MOMENT)
    assert {each.niche for each in found} <= {"tech"}
    assert team.fake.spent["search"] == 1
