from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vidrank_assets.dataset.snapshots import first_captures, merged
from vidrank_assets.errors import InvalidInput
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS, THUMBNAILS

DAY = datetime(2026, 1, 5, tzinfo=UTC)


def captures(*rows, source="archive"):
    """Captures of (video, hours after DAY, views)."""
    columns = {
        "video_id": [video for video, _, _ in rows],
        "captured_at": [DAY + timedelta(hours=hours) for _, hours, _ in rows],
        "view_count": [views for _, _, views in rows],
        "published_at": [DAY] * len(rows),
        "source": [source] * len(rows),
    }
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in SNAPSHOTS.schema.items() if name not in columns]
    typed = {name: SNAPSHOTS.schema[name] for name in columns}
    return pl.DataFrame(columns, schema=typed).with_columns(missing).select(SNAPSHOTS.schema.names())


def test_the_first_capture_of_a_video_is_its_earliest_whole_row():
    firsts = first_captures(captures(("b", 9, 90), ("a", 7, 70), ("b", 3, 30), ("a", 8, 80)).lazy())
    assert firsts.select("video_id", "view_count").rows() == [("a", 70), ("b", 30)]
    assert firsts.equals(captures(("a", 7, 70), ("b", 3, 30)))


def test_first_captures_of_no_captures_are_an_empty_table():
    assert first_captures(SNAPSHOTS.empty().lazy()).equals(SNAPSHOTS.empty())


def test_merging_keeps_both_and_prefers_the_new_row_of_the_same_capture():
    both = merged(captures(("b", 1, 10), ("a", 2, 20)), captures(("b", 1, 11), ("a", 1, 5)))
    assert both.equals(captures(("a", 1, 5), ("a", 2, 20), ("b", 1, 11)))


def test_merging_again_changes_nothing():
    new = captures(("b", 1, 11), ("a", 1, 5))
    once = merged(captures(("b", 1, 10)), new)
    assert merged(once, new).equals(once)


def test_a_first_merge_has_nothing_to_merge_with():
    new = captures(("a", 1, 5), source="sample")
    assert merged(SNAPSHOTS.empty(), new).equals(new)


@pytest.mark.parametrize(("stored", "arriving"), [("sample", "archive"), ("archive", "sample")])
def test_synthetic_and_real_captures_are_never_mixed(stored, arriving):
    with pytest.raises(InvalidInput, match="all real.*VIDRANK_STORAGE.*DAGSTER_HOME"):
        merged(captures(("a", 1, 5), source=stored), captures(("b", 1, 5), source=arriving))


def test_two_real_sources_may_share_a_store():
    assert merged(captures(("a", 1, 5), source="archive"), captures(("b", 1, 5), source="youtube")).height == 2


def rows_of(table, **columns):
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in table.schema.items() if name not in columns]
    typed = {name: table.schema[name] for name in columns}
    return pl.DataFrame(columns, schema=typed).with_columns(missing).select(table.schema.names())


def test_a_rejected_row_that_is_met_again_is_there_once_and_others_stay():
    first = rows_of(REJECTED_CAPTURES, file=["us.csv", "us.csv"], row=[7, 9], source=["archive"] * 2)
    second = rows_of(REJECTED_CAPTURES, file=["us.csv", "fr.csv"], row=[9, 2], source=["archive"] * 2)
    both = merged(first, second, REJECTED_CAPTURES)
    assert both.select("file", "row").rows() == [("us.csv", 7), ("us.csv", 9), ("fr.csv", 2)]


def test_channels_and_thumbnails_of_a_second_archive_add_to_those_of_the_first():
    days = [DAY, DAY]
    first = rows_of(CHANNEL_SNAPSHOTS, channel_id=["b", "c"], captured_at=days, video_count=[1, 2], source=["x", "x"])
    second = rows_of(CHANNEL_SNAPSHOTS, channel_id=["a", "c"], captured_at=days, video_count=[3, 4], source=["y", "y"])
    both = merged(first, second, CHANNEL_SNAPSHOTS)
    assert both.select("channel_id", "video_count").rows() == [("a", 3), ("b", 1), ("c", 4)]
    picture = rows_of(THUMBNAILS, video_id=["v"], content_hash=["h"], image=[b"jpeg"], source=["x"])
    assert merged(THUMBNAILS.empty(), picture, THUMBNAILS).equals(picture)
    assert merged(picture, THUMBNAILS.empty(), THUMBNAILS).equals(picture)
