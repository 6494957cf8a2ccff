import gzip
import json
from datetime import UTC, datetime

import pytest

from vidrank_assets.storage import Storage
from vidrank_assets.upkeep import live_source
from vidrank_assets.upkeep.changes import Changes

NOW = datetime(2026, 3, 10, 0, 15, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return Storage(str(tmp_path))


@pytest.fixture
def changes(store):
    return Changes(store, lambda *_: None)


def test_slot_10_of_a_day_is_newer_than_slot_2_and_the_newest_two_stay(store, changes):
    for slot in ("2026-03-09T2", "2026-03-09T10", "2026-03-08T23"):
        store.write(f"youtube_api/video_catalogue/slot={slot}.parquet", b"")
    live_source.remove_old_files(changes, now=NOW)
    assert live_source.newest_first(store, live_source.CATALOGUES) == [
        "youtube_api/video_catalogue/slot=2026-03-09T10.parquet",
        "youtube_api/video_catalogue/slot=2026-03-09T2.parquet",
    ]


@pytest.mark.parametrize(
    ("folder", "level", "oldest_kept", "newest_gone"),
    [
        ("pages", "slot={}T00/a.json.gz", "2026-03-08", "2026-03-07"),
        ("quota", "day={}/bucket=shared/1-a", "2026-03-07", "2026-03-06"),
        ("slots", "slot={}T00.json", "2026-02-09", "2026-02-08"),
        ("handles", "slot={}T00.json", "2026-02-09", "2026-02-08"),
    ],
)
def test_what_is_of_no_use_any_more_is_removed(store, changes, folder, level, oldest_kept, newest_gone):
    for day in (oldest_kept, newest_gone):
        store.write(f"youtube_api/{folder}/{level.format(day)}", b"")
    live_source.remove_old_files(changes, now=NOW)
    assert store.keys("youtube_api") == [f"youtube_api/{folder}/{level.format(oldest_kept)}"]
    assert changes.so_far().files == {f"youtube_api/{folder}": 1}


def test_raw_answers_that_mention_something_are_removed_and_the_others_stay(store, changes):
    for name, body in (("a", b"about UC1"), ("b", b"about UC2")):
        store.write(f"youtube_api/pages/slot=2026-03-09T00/{name}.json.gz", gzip.compress(body))
    live_source.remove_pages(changes, lambda content: b"UC1" in content)
    assert store.keys("youtube_api") == ["youtube_api/pages/slot=2026-03-09T00/b.json.gz"]


def test_a_handle_is_forgotten_with_its_channel(store, changes):
    key = "youtube_api/handles/slot=2026-03-09T00.json"
    store.write(key, json.dumps({"@one": "UC1", "@two": "UC2"}).encode())
    live_source.forget_handles(changes, "UC1")
    assert json.loads(store.read(key)) == {"@two": "UC2"}


def test_a_store_that_the_live_source_has_captured_into_is_known_by_its_catalogue(store):
    assert not live_source.holds_api_data(store)
    store.write("youtube_api/video_catalogue/slot=2026-03-09T00.parquet", b"")
    assert live_source.holds_api_data(store)
