from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vidrank_assets.capture import video_catalogue
from vidrank_assets.capture.remembered import VIDEO_CATALOGUE
from vidrank_assets.capture.youtube_answers import FoundItem, StatItem, UploadItem, VideoItem
from vidrank_assets.capture.youtube_slot import Counted, Described, Found
from vidrank_assets.tables import SNAPSHOTS

MONDAY, TUESDAY = (datetime(2026, 2, day, 6, tzinfo=UTC) for day in (9, 10))
PUBLISHED = datetime(2026, 2, 8, 20, tzinfo=UTC)
EMPTY = VIDEO_CATALOGUE.empty()


def upload(video_id="aaaaaaaaaaa", title="Cats"):
    return UploadItem.model_construct(
        **shown(video_id, title), thumbnail_url=f"https://i.ytimg.com/vi/{video_id}/m.jpg"
    )


def video(video_id="aaaaaaaaaaa", title="Cats"):
    more = {"tags": ("a", "b"), "category_id": "22", "duration_sec": 213, "default_audio_language": "en-GB"}
    return VideoItem.model_construct(**shown(video_id, title), **more)


def stats(video_id="aaaaaaaaaaa", views=10, likes=None):
    return StatItem.model_construct(video_id=video_id, view_count=views, like_count=likes, duration_sec=213)


def shown(video_id, title):
    whose = {"channel_id": "UC1", "channel_title": "Channel"}
    return {"video_id": video_id, "title": title, "description": "About.", "published_at": PUBLISHED, **whose}


def found(*items, at=MONDAY, niche="tech"):
    return [Found(item, niche, at) for item in items]


def row(catalogue, video_id="aaaaaaaaaaa"):
    return catalogue.row(by_predicate=pl.col("video_id") == video_id, named=True)


@pytest.fixture
def known():
    return video_catalogue.with_found(EMPTY, found(upload()))


def test_a_video_that_is_found_is_in_the_catalogue_with_what_the_page_shows(known):
    VIDEO_CATALOGUE.checked(known)
    told = row(known)
    assert (told["title"], told["query"], told["first_seen_at"], told["described_at"]) == (
        "Cats",
        "tech",
        *[MONDAY] * 2,
    )
    assert told["published_at"] == PUBLISHED
    assert [told[name] for name in ("tags", "category_id", "metadata_at", "captured_at", "gone_at")] == [None] * 5


def test_a_video_found_again_keeps_its_niche_and_first_day_and_takes_its_new_title(known):
    again = video_catalogue.with_found(known, found(upload(title="Dogs"), at=TUESDAY, niche="news"))
    told = row(again)
    assert again.height == 1
    assert (told["title"], told["query"]) == ("Dogs", "tech")
    assert (told["first_seen_at"], told["described_at"]) == (MONDAY, TUESDAY)


def test_a_search_shows_only_the_head_of_a_description_so_none_is_taken_from_it(known):
    head = FoundItem.model_construct(**{**shown("aaaaaaaaaaa", "Dogs"), "description": "Ab …"})
    told = row(video_catalogue.with_found(known, found(head, at=TUESDAY)))
    assert (told["title"], told["description"]) == ("Dogs", "About.")


def test_a_video_found_twice_in_one_slot_is_there_once():
    both = video_catalogue.with_found(EMPTY, found(upload(), upload(title="Dogs")))
    assert both["title"].to_list() == ["Cats"]


def test_counters_leave_the_time_of_their_reading_and_the_length(known):
    counted = [Counted(stats(), TUESDAY)]
    told = row(video_catalogue.with_counters(known, counted))
    assert (told["captured_at"], told["duration_sec"], told["title"]) == (TUESDAY, 213, "Cats")


def test_metadata_fills_what_no_page_shows(known):
    told = row(video_catalogue.with_metadata(known, [Described("aaaaaaaaaaa", video(title="Dogs"), TUESDAY)]))
    assert (told["tags"], told["category_id"], told["default_audio_language"]) == (["a", "b"], "22", "en-GB")
    assert (told["title"], told["described_at"], told["metadata_at"]) == ("Dogs", TUESDAY, TUESDAY)
    assert told["thumbnail_url"] == "https://i.ytimg.com/vi/aaaaaaaaaaa/m.jpg"  # what is not told is not forgotten


def test_a_video_that_is_gone_is_gone_since_it_was_first_missed_until_it_is_there_again(known):
    gone = video_catalogue.with_metadata(known, [Described("aaaaaaaaaaa", None, MONDAY)])
    still = video_catalogue.with_metadata(gone, [Described("aaaaaaaaaaa", None, TUESDAY)])
    assert (row(gone)["gone_at"], row(still)["gone_at"]) == (MONDAY, MONDAY)
    assert row(still)["title"] == "Cats"
    back = video_catalogue.with_metadata(still, [Described("aaaaaaaaaaa", video(), TUESDAY)])
    assert row(back)["gone_at"] is None


def test_a_video_that_is_among_the_uploads_again_is_there_and_its_metadata_is_to_be_read(known):
    gone = video_catalogue.with_metadata(known, [Described("aaaaaaaaaaa", None, MONDAY)])
    by_search = FoundItem.model_construct(**shown("aaaaaaaaaaa", "Cats"))
    assert row(video_catalogue.with_found(gone, found(by_search, at=TUESDAY)))["gone_at"] == MONDAY
    back = row(video_catalogue.with_found(gone, found(upload(), at=TUESDAY)))
    assert (back["gone_at"], back["metadata_at"], back["query"]) == (None, None, "tech")


def test_tags_and_languages_that_were_taken_away_are_there_no_more(known):
    tagged = video_catalogue.with_metadata(known, [Described("aaaaaaaaaaa", video(), MONDAY)])
    without = video().model_copy(update={"tags": None, "default_audio_language": None})
    told = row(video_catalogue.with_metadata(tagged, [Described("aaaaaaaaaaa", without, TUESDAY)]))
    assert (told["tags"], told["default_audio_language"], told["category_id"]) == (None, None, "22")
    gone = row(video_catalogue.with_metadata(tagged, [Described("aaaaaaaaaaa", None, TUESDAY)]))
    assert gone["tags"] == ["a", "b"]


def test_videos_of_which_nothing_was_asked_stay_as_they_were(known):
    both = video_catalogue.with_found(known, found(upload("bbbbbbbbbbb")))
    gone = video_catalogue.with_metadata(both, [Described("bbbbbbbbbbb", None, TUESDAY)])
    after = video_catalogue.with_metadata(gone, [Described("aaaaaaaaaaa", video(), TUESDAY)])
    assert row(after, "bbbbbbbbbbb") == row(gone, "bbbbbbbbbbb")
    assert after.columns == list(VIDEO_CATALOGUE.schema)


def test_a_snapshot_is_the_counters_beside_what_is_known_and_hidden_counters_are_null(known):
    late = MONDAY + timedelta(hours=1)
    counted = [
        Counted(stats(), MONDAY),
        Counted(stats(views=99, likes=9), late),
        Counted(stats("unknownunkn"), MONDAY),
    ]
    (told,) = SNAPSHOTS.checked(video_catalogue.snapshots(known, counted)).to_dicts()
    assert (told["view_count"], told["like_count"], told["comment_count"]) == (10, None, None)
    assert (told["captured_at"], told["title"], told["source"]) == (MONDAY, "Cats", "youtube_api")
