"""What a row must hold to be a capture: each rule by one row that breaks it."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from vidrank_assets.capture.archive_csv import placed
from vidrank_assets.capture.archive_rules import FOUND, REASON, captures, joinable
from vidrank_assets.capture.mapping import FileGroup, Join, read_mapping

ROW = {
    "video_id": "abcdefghij1", "captured_at": "2026-01-05T04:00:00Z", "published_at": "2026-01-04T19:00:07Z",
    "view_count": "1000", "like_count": "50", "comment_count": "7", "title": "One", "tags": "a|b", "category_id": "10",
    "channel_id": "UC1", "channel_title": "Channel", "duration_sec": "199", "query": "US",
}  # fmt: skip
GENERIC = next(g for g in read_mapping("generic").files if g.format == "csv" and g.table == "snapshots")
BARE = {name: name for name in ("video_id", "captured_at", "published_at")}


def judged(row: dict, group: FileGroup = GENERIC, path: str = "file.csv", **joined) -> dict:
    """What the rules make of one row."""
    rows = placed(Path(path), pl.DataFrame([row], schema={name: pl.String for name in row}))
    return captures(rows, group, **joined).row(0, named=True)


@pytest.mark.parametrize(
    ("broken", "reason", "found"),
    [
        ({"video_id": "#NAME?"}, "invalid_video_id", "#NAME?"),
        ({"video_id": ""}, "invalid_video_id", ""),
        ({"video_id": "short"}, "invalid_video_id", "short"),
        ({"captured_at": "05/01/2026"}, "unreadable_capture_time", "captured_at=05/01/2026"),
        ({"captured_at": ""}, "unreadable_capture_time", ""),
        ({"captured_at": "0001-01-01"}, "unreadable_capture_time", "captured_at=0001-01-01"),
        ({"published_at": "None"}, "missing_publish_time", ""),
        ({"published_at": "yesterday"}, "unreadable_publish_time", "yesterday"),
        ({"published_at": "1970-01-01T00:00:00Z"}, "implausible_publish_time", "1970-01-01T00:00:00Z"),
        (
            {"published_at": "2026-01-05T04:00:01Z"},
            "captured_before_published",
            "published 2026-01-05T04:00:01Z, captured 2026-01-05T04:00:00Z",
        ),
        ({"view_count": "many"}, "unreadable_counter", "view_count=many"),
        ({"like_count": "1,000"}, "unreadable_counter", "like_count=1,000"),
        ({"comment_count": "-3"}, "negative_counter", "comment_count=-3"),
        ({"view_count": "1000000000001"}, "absurd_counter", "view_count=1000000000001"),
        ({"view_count": "9" * 30}, "absurd_counter", "view_count=" + "9" * 30),
        ({"duration_sec": "3:19"}, "unreadable_duration", "duration_sec=3:19"),
    ],
)
def test_a_row_that_breaks_a_rule_is_told_by_its_reason_and_what_was_found(broken, reason, found):
    row = judged({**ROW, **broken})
    assert (row[REASON], row[FOUND]) == (reason, found)


@pytest.mark.parametrize(
    ("written", "column", "expected"),
    [
        ({"view_count": "1000000000000"}, "view_count", 10**12),
        ({"view_count": "12.0"}, "view_count", 12),
        ({"view_count": ""}, "view_count", None),
        ({"view_count": "0", "like_count": "219"}, "view_count", None),
        ({"view_count": "0", "like_count": "0"}, "view_count", 0),
        ({"view_count": "10", "like_count": "11"}, "like_count", 11),
        ({"duration_sec": "P0D"}, "duration_sec", None),
        ({"duration_sec": "PT3M19S"}, "duration_sec", 199),
        ({"tags": "[none]"}, "tags", None),
        ({"tags": "[None]"}, "tags", None),
        ({"tags": ""}, "tags", None),
        ({"title": " "}, "title", None),
        ({"title": "None"}, "title", "None"),
        ({"title": "two\nlines"}, "title", "two\nlines"),
        ({"query": "NaN"}, "query", None),
        ({"channel_title": " JONY \n"}, "channel_title", "JONY"),
        ({"channel_id": ""}, "channel_id", "Channel"),
        ({"category_id": "Music"}, "category_id", "10"),
        ({"video_id": " abcdefghij1 "}, "video_id", "abcdefghij1"),
        ({"published_at": "2026-01-04"}, "published_at", datetime(2026, 1, 4, tzinfo=UTC)),
    ],
)
def test_what_is_odd_but_data_is_kept(written, column, expected):
    row = judged({**ROW, **written})
    assert (row[REASON], row[column]) == (None, expected)


def test_a_row_is_judged_by_the_first_rule_it_breaks():
    assert judged({**ROW, "video_id": "#NAME?", "view_count": "x"})[REASON] == "invalid_video_id"


def test_a_hidden_counter_is_null_and_not_zero():
    group = FileGroup(glob="x", columns={**BARE, "like_count": "likes"}, hidden={"like_count": "off"})
    bare = {name: ROW[name] for name in BARE}
    assert judged({**bare, "likes": "0", "off": "TRUE"}, group)["like_count"] is None
    assert judged({**bare, "likes": "0", "off": "False"}, group)["like_count"] == 0


def test_a_source_that_writes_zero_for_unseen_counters_gives_null():
    group = FileGroup(glob="x", columns={**BARE, "view_count": "v"}, zero_is_hidden=("view_count",))
    bare = {name: ROW[name] for name in BARE}
    assert judged({**bare, "v": "0"}, group)["view_count"] is None
    assert judged({**bare, "v": "1"}, group)["view_count"] == 1


def test_a_column_may_come_from_the_path_or_be_stated_once():
    group = FileGroup(
        glob="x", columns={"video_id": "video_id", "published_at": "published_at"},
        from_path={"captured_at": r"_(\d{4}-\d\d-\d\d)"}, values={"query": "tech"},
    )  # fmt: skip
    row = judged({name: ROW[name] for name in ("video_id", "published_at")}, group, "US_2026-01-06.csv")
    assert (row["captured_at"], row["query"]) == (datetime(2026, 1, 6, 23, 59, 59, tzinfo=UTC), "tech")


def test_a_day_without_its_hour_takes_a_video_of_that_day():
    row = judged({**ROW, "captured_at": "2026-01-05", "published_at": "2026-01-05T22:00:00Z"})
    assert (row[REASON], row["captured_at"]) == (None, datetime(2026, 1, 5, 23, 59, 59, tzinfo=UTC))


@pytest.mark.parametrize(("optional", "reason"), [(False, "no_metadata"), (True, "missing_publish_time")])
def test_a_video_without_a_row_in_the_joined_file_is_rejected_unless_that_is_optional(optional, reason):
    join = Join(glob="y", columns={"video_id": "id", "published_at": "born"}, optional=optional)
    group = FileGroup(glob="x", columns={"video_id": "video_id", "captured_at": "captured_at"}, join=join)
    bare = {name: ROW[name] for name in ("video_id", "captured_at")}
    metadata = pl.DataFrame({"id": ["abcdefghij1", "abcdefghij1"], "born": ["2026-01-04", "2026-01-03"]})
    joined = joinable(placed(Path("y.csv"), metadata), join)
    row = judged(bare, group, joined=joined)
    assert (row[REASON], row["published_at"]) == (None, datetime(2026, 1, 4, tzinfo=UTC))
    assert judged({**bare, "video_id": "abcdefghij2"}, group, joined=joined)[REASON] == reason


def test_written_line_breaks_become_line_breaks_where_the_mapping_says_so():
    group = FileGroup(glob="x", columns={**BARE, "description": "d"}, escaped_newlines=("description",))
    assert judged({**{name: ROW[name] for name in BARE}, "d": r"a\nb"}, group)["description"] == "a\nb"
