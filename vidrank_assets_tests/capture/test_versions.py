from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.capture.versions import latest_versions, new_versions
from vidrank_assets.tables import SNAPSHOTS, THUMBNAILS, VIDEO_VERSIONS

MONDAY = datetime(2026, 1, 5, 5, tzinfo=UTC)
NOTHING_KNOWN = VIDEO_VERSIONS.empty()
NO_TITLES, NO_PICTURES = SNAPSHOTS.empty(), THUMBNAILS.empty()


def at(hours):
    return MONDAY + timedelta(hours=hours)


def titles(*rows):
    """Captures: (video, hours since Monday, title)."""
    schema = {name: SNAPSHOTS.schema[name] for name in ("video_id", "captured_at", "title", "source")}
    return pl.DataFrame([(v, at(h), title, "test") for v, h, title in rows], schema=schema, orient="row")


def pictures(*rows):
    """Pictures: (video, hours since Monday, hash)."""
    schema = {name: THUMBNAILS.schema[name] for name in ("video_id", "captured_at", "content_hash", "source")}
    return pl.DataFrame([(v, at(h), found, "test") for v, h, found in rows], schema=schema, orient="row")


def versions(*captures, known=NOTHING_KNOWN):
    """(video, part, hours since Monday, version, title or hash) of what is new."""
    found = VIDEO_VERSIONS.checked(new_versions(*captures, known))
    assert found.sort(VIDEO_VERSIONS.key).equals(found)
    hours = (pl.col("seen_at") - MONDAY).dt.total_hours()
    return found.select("video_id", "part", hours, "version", pl.coalesce("title", "content_hash")).rows()


def test_a_title_that_stays_is_one_version_and_one_that_changes_is_the_next():
    seen = titles(("b", 0, "Tea"), ("a", 0, "Cats"), ("a", 24, "Cats"), ("a", 48, "Cats!"), ("b", 48, "Tea"))
    assert versions(seen, NO_PICTURES) == [
        ("a", "title", 0, 1, "Cats"),
        ("a", "title", 48, 2, "Cats!"),
        ("b", "title", 0, 1, "Tea"),
    ]


def test_a_title_that_comes_back_is_a_third_version():
    seen = titles(("a", 0, "A"), ("a", 24, "B"), ("a", 48, "A"))
    assert [row[2:] for row in versions(seen, NO_PICTURES)] == [(0, 1, "A"), (24, 2, "B"), (48, 3, "A")]


def test_captures_count_in_the_order_of_their_moments_however_they_lie_in_the_table():
    seen = titles(("a", 48, "B"), ("a", 0, "A"), ("a", 24, "A"))
    assert [row[2:] for row in versions(seen, NO_PICTURES)] == [(0, 1, "A"), (48, 2, "B")]


def test_a_capture_without_a_title_says_nothing():
    seen = titles(("a", 0, None), ("a", 24, "A"), ("a", 48, None), ("a", 72, "A"), ("b", 0, None))
    assert versions(seen, NO_PICTURES) == [("a", "title", 24, 1, "A")]


def test_pictures_have_versions_of_their_own():
    seen = titles(("a", 0, "A"), ("a", 24, "A"))
    assert versions(seen, pictures(("a", 0, "h1"), ("a", 24, "h2"))) == [
        ("a", "thumbnail", 0, 1, "h1"),
        ("a", "thumbnail", 24, 2, "h2"),
        ("a", "title", 0, 1, "A"),
    ]


def test_of_two_pictures_first_seen_at_one_moment_there_is_one_version():
    assert versions(NO_TITLES, pictures(("a", 0, "h2"), ("a", 0, "h1"))) == [("a", "thumbnail", 0, 1, "h2")]


def test_a_title_is_named_by_the_hash_of_its_text_and_a_picture_by_its_own():
    found = new_versions(titles(("a", 0, "Café 🎬")), pictures(("a", 0, "h1")), NOTHING_KNOWN)
    assert found["content_hash"].to_list() == ["h1", sha256("Café 🎬".encode()).hexdigest()]
    assert found["title"].to_list() == [None, "Café 🎬"]


def test_what_was_known_before_is_compared_with_and_counted_on():
    known = new_versions(titles(("a", 0, "A"), ("a", 24, "B"), ("b", 0, "A")), pictures(("a", 0, "h1")), NOTHING_KNOWN)
    later = titles(("a", 48, "B"), ("a", 72, "A"), ("b", 48, "A"), ("c", 48, "A"))
    assert versions(later, pictures(("a", 48, "h1"), ("b", 48, "h1")), known=known) == [
        ("a", "title", 72, 3, "A"),
        ("b", "thumbnail", 48, 1, "h1"),
        ("c", "title", 48, 1, "A"),
    ]


def test_the_latest_version_is_the_one_seen_last_of_the_videos_asked_for():
    known = new_versions(titles(("a", 0, "A"), ("a", 24, "B"), ("b", 0, "A")), pictures(("a", 0, "h1")), NOTHING_KNOWN)
    found = latest_versions(known.reverse().lazy(), pl.Series("video_id", ["a", "a", "x"])).sort("part")
    assert found.select("video_id", "part", "seen_at", "version").rows() == [
        ("a", "thumbnail", at(0), 1),
        ("a", "title", at(24), 2),
    ]


def test_no_captures_make_no_versions():
    assert versions(NO_TITLES, NO_PICTURES) == []


CAPTURED = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 5 * 24 - 1), st.sampled_from(["A", "B", "", "Ä", None])),
    unique_by=lambda row: row[:2],
    max_size=30,
)
SEEN = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 5 * 24 - 1), st.sampled_from(["h1", "h2", "h3"])),
    unique_by=lambda row: row[:2],
    max_size=15,
)


@settings(max_examples=50)
@given(CAPTURED, SEEN)
def test_day_after_day_gives_what_all_days_at_once_give(captured, seen):
    kept = NOTHING_KNOWN
    for day in range(5):
        of_day = [[row for row in rows if row[1] // 24 == day] for rows in (captured, seen)]
        kept = pl.concat([kept, new_versions(titles(*of_day[0]), pictures(*of_day[1]), kept)])
    at_once = new_versions(titles(*captured), pictures(*seen), NOTHING_KNOWN)
    assert kept.sort(VIDEO_VERSIONS.key).equals(at_once)


@settings(max_examples=50)
@given(CAPTURED, SEEN)
def test_the_versions_of_a_part_are_numbered_from_1_and_each_differs_from_the_one_before(captured, seen):
    found = VIDEO_VERSIONS.checked(new_versions(titles(*captured), pictures(*seen), NOTHING_KNOWN))
    for (video_id, part), of_part in found.group_by("video_id", "part"):
        assert of_part["version"].to_list() == list(range(1, of_part.height + 1))
        assert of_part["seen_at"].is_sorted()
        hashes = of_part["content_hash"].to_list()
        assert all(before != after for before, after in pairwise(hashes))
        shown = [row for row in (captured if part == "title" else seen) if row[0] == video_id and row[2] is not None]
        assert of_part["seen_at"][0] == at(min(hours for _, hours, _ in shown))
