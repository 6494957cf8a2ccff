"""An archive: what is kept, what is rejected and why, and on which day each comes."""

import csv
import json
import os
import tarfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.capture.archives import Archive
from vidrank_assets.errors import InvalidInput
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS, THUMBNAILS

ROW = {
    "video_id": "abcdefghij1", "captured_at": "2026-01-05T04:00:00Z", "published_at": "2026-01-04T19:00:07Z",
    "view_count": "1000", "like_count": "50", "comment_count": "7", "title": "One", "tags": "a|b", "category_id": "10",
    "channel_id": "UC1", "channel_title": "Channel", "duration_sec": "199", "query": "US",
}  # fmt: skip
FIRST, SECOND = date(2026, 1, 5), date(2026, 1, 6)


def with_rows(folder: Path, *rows: dict[str, str], name: str = "captures.csv", columns=tuple(ROW)) -> Path:
    """A folder with a CSV of rows, each the usual one but for what is named."""
    folder.mkdir(exist_ok=True, parents=True)
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({**{key: value for key, value in ROW.items() if key in columns}, **row} for row in rows)
    return folder


def mapped(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def everything(archive: Archive) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Kept and rejected rows of all days, checked, with the balance that must always hold."""
    rows, rejected, _ = archive.snapshots(archive.days())
    channels = archive.channel_snapshots(archive.days()).rows
    SNAPSHOTS.checked(rows)
    CHANNEL_SNAPSHOTS.checked(channels)
    REJECTED_CAPTURES.checked(rejected)
    assert archive.n_read == rows.height + channels.height + rejected.height
    return rows, rejected


def test_a_row_becomes_a_capture_with_typed_columns(tmp_path):
    rows, rejected = everything(Archive(with_rows(tmp_path, {}), "generic"))
    assert rejected.is_empty()
    assert rows.drop_nulls("title").row(0, named=True) == {
        "video_id": "abcdefghij1", "captured_at": datetime(2026, 1, 5, 4, tzinfo=UTC), "view_count": 1000,
        "like_count": 50, "comment_count": 7, "title": "One", "description": None, "tags": ["a", "b"],
        "category_id": "10", "published_at": datetime(2026, 1, 4, 19, 0, 7, tzinfo=UTC), "channel_id": "UC1",
        "channel_title": "Channel", "duration_sec": 199, "default_language": None, "default_audio_language": None,
        "thumbnail_url": None, "query": "US", "source": "archive:generic",
    }  # fmt: skip


def test_a_rejected_row_is_kept_aside_with_its_place_and_all_it_holds(tmp_path):
    rows, rejected = everything(Archive(with_rows(tmp_path, {}, {"video_id": "#NAME?"}), "generic"))
    assert rows.height == 1
    reject = rejected.row(0, named=True)
    assert json.loads(reject.pop("raw")) == {**ROW, "video_id": "#NAME?"}
    assert reject == {
        "day": FIRST, "reason": "invalid_video_id", "found": "#NAME?", "file": "captures.csv", "row": 2,
        "video_id": "#NAME?", "source": "archive:generic",
    }  # fmt: skip


def test_counters_that_go_down_are_data(tmp_path):
    later = {"captured_at": "2026-01-06T04:00:00Z", "view_count": "900"}
    rows, _ = everything(Archive(with_rows(tmp_path, {}, later), "generic"))
    assert rows["view_count"].to_list() == [1000, 900]


def test_several_captures_of_a_day_are_kept(tmp_path):
    rows, rejected = everything(Archive(with_rows(tmp_path, {}, {"captured_at": "2026-01-05T09:00:00Z"}), "generic"))
    assert (rows.height, rejected.height) == (2, 0)


def test_of_rows_with_one_key_the_one_with_most_views_is_kept(tmp_path):
    folder = with_rows(tmp_path, {"view_count": "990"}, {"query": "GB"}, {"query": "FR"}, {"like_count": "49"})
    rows, rejected = everything(Archive(folder, "generic"))
    assert rows.select("view_count", "like_count", "query").rows() == [(1000, 50, "GB")]
    assert rejected.select("row", "reason", "found").rows() == [
        (1, "conflicting_capture", "view_count=990 like_count=50 comment_count=7"),
        (3, "duplicate", "view_count=1000 like_count=50 comment_count=7"),
        (4, "conflicting_capture", "view_count=1000 like_count=49 comment_count=7"),
    ]


def test_a_rejected_row_never_stands_in_the_way_of_a_capture_with_its_key(tmp_path):
    rows, rejected = everything(Archive(with_rows(tmp_path, {"view_count": "9999", "like_count": "-1"}, {}), "generic"))
    assert rows["view_count"].to_list() == [1000]
    assert rejected["reason"].to_list() == ["negative_counter"]


def test_damaged_rows_are_rejected_with_their_fields(tmp_path):
    folder = with_rows(tmp_path, {})
    with (folder / "captures.csv").open("ab") as file:
        file.write(b"abcdefghij2,2026-01-05T04:00:00Z\r\n")
        file.write(b"abcdefghij3,2026-01-05T04:00:00Z,2026-01-04,1,1,1,caf\xe9,,,,,,\r\n")
        file.write(b'abcdefghij4,2026-01-05T04:00:00Z,2026-01-04,1,1,1,"cut he')
    rows, rejected = everything(Archive(folder, "generic"))
    assert rows.height == 1
    assert rejected.select("row", "reason", "video_id").rows() == [
        (2, "ragged_row", "abcdefghij2"), (3, "wrong_encoding", "abcdefghij3"), (4, "cut_row", "abcdefghij4"),
    ]  # fmt: skip
    assert json.loads(rejected["raw"][0]) == ["abcdefghij2", "2026-01-05T04:00:00Z"]


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="must be a folder"):
        Archive(tmp_path / "absent", "generic")


def test_each_reject_comes_once_and_those_without_a_day_come_with_the_first(tmp_path):
    folder = with_rows(
        tmp_path, {}, {"captured_at": "?"}, {"video_id": "#NAME?", "captured_at": "2026-01-06T04:00:00Z"}
    )
    archive = Archive(folder, "generic")
    assert archive.days() == [FIRST, SECOND]
    first, second = (archive.snapshots([day]) for day in archive.days())
    assert first.rejected.select("day", "row").rows() == [(None, 2)]
    assert second.rejected.select("day", "row").rows() == [(SECOND, 3)]
    assert (first.rows.height, second.rows.height) == (1, 0)
    assert archive.snapshots([date(2026, 1, 7)]).rejected.is_empty()


def test_an_archive_of_which_no_row_has_a_time_is_refused_with_the_reasons(tmp_path):
    with pytest.raises(InvalidInput, match=r"none does \(2 unreadable_capture_time\).*`times`"):
        Archive(with_rows(tmp_path, {"captured_at": "1"}, {"captured_at": "2"}), "generic").days()


def test_a_parquet_file_gives_the_same_captures_as_a_csv(tmp_path):
    from_csv, _ = everything(Archive(with_rows(tmp_path / "a", {}, {"video_id": "abcdefghij2", "tags": ""}), "generic"))
    (tmp_path / "b").mkdir()
    from_csv.drop("source").write_parquet(tmp_path / "b" / "captures.parquet")
    from_parquet, rejected = everything(Archive(tmp_path / "b", "generic"))
    assert rejected.is_empty()
    assert from_parquet.equals(from_csv)


def test_json_lines_keep_lists_and_reject_lines_that_are_no_objects(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"id": "abcdefghij1", "born": "2022-06-14T03:54:56Z", "views": 5, "tags": ["a|b", "c"]})
        + '\n{"id": "abcdef\n\n[1]\n'
    )
    mapping = """
files:
  - {glob: "*.jsonl", format: jsonl, columns: {video_id: id, published_at: born, view_count: views, tags: tags},
     values: {captured_at: "2022-07-01T00:00:00Z", query: security}}
"""
    rows, rejected = everything(Archive(tmp_path, mapped(tmp_path, mapping)))
    assert rows.select("view_count", "query", "source").rows() == [(5, "security", "archive:mine")]
    assert rows["tags"].to_list() == [["a|b", "c"]]
    assert rejected.select("row", "reason").rows() == [(2, "unreadable_line"), (3, "unreadable_line")]
    assert json.loads(rejected["raw"][0]) == '{"id": "abcdef'


def test_hidden_counters_are_null_and_not_zero(tmp_path):
    lines = ["video_id,captured_at,published_at,likes,comments,likes_off", "abcdefghij1,2026-01-05,2026-01-05,0,0,TRUE",
             "abcdefghij2,2026-01-05,2026-01-05,0,9,False"]  # fmt: skip
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    mapping = """
files:
  - glob: "*.csv"
    columns: {video_id: video_id, captured_at: captured_at, published_at: published_at,
              like_count: likes, comment_count: comments}
    hidden: {like_count: likes_off}
    zero_is_hidden: [comment_count]
"""
    rows, _ = everything(Archive(tmp_path, mapped(tmp_path, mapping)))
    assert rows.select("like_count", "comment_count").rows() == [(None, None), (0, 9)]
    assert rows["captured_at"].unique().to_list() == [datetime(2026, 1, 5, 23, 59, 59, tzinfo=UTC)]


def test_channel_files_give_channel_snapshots_and_their_rejects_are_kept(tmp_path):
    with_rows(tmp_path, {})
    (tmp_path / "channel_snapshots.csv").write_text(
        "channel_id,captured_at,subscriber_count\nUC1,2026-01-06,10\nUC1,2026-01-06,10\n,2026-01-06,5\nUC2,2026-01-06,\n"
    )
    archive = Archive(tmp_path, "generic")
    _, rejected = everything(archive)
    assert archive.days() == [FIRST, SECOND]
    assert archive.channel_snapshots([SECOND]).rows.select("channel_id", "subscriber_count").rows() == [
        ("UC1", 10),
        ("UC2", None),
    ]
    assert rejected["reason"].to_list() == ["duplicate", "missing_channel_id"]
    assert archive.channel_snapshots([FIRST]).rows.is_empty()


def test_thumbnails_come_on_the_day_their_video_is_first_seen(tmp_path):
    from PIL import Image

    folder = with_rows(tmp_path, {}, {"captured_at": "2026-01-06T04:00:00Z"}, {"video_id": "abcdefghij2"})
    (folder / "images").mkdir()
    Image.new("RGB", (12, 9)).save(folder / "images" / "abcdefghij1.jpg")
    (folder / "images" / "abcdefghij2.jpg").write_text("no picture")
    generic = (
        "files: [{glob: '*.csv', columns: {video_id: video_id, captured_at: captured_at, published_at: published_at}}]"
    )
    archive = Archive(folder, mapped(tmp_path, "thumbnails: images/{video_id}.jpg\n" + generic))
    found = THUMBNAILS.checked(archive.thumbnails([FIRST]).rows)
    assert found.select("video_id", "width", "height").rows() == [("abcdefghij1", 12, 9)]
    assert archive.thumbnails([SECOND]).rows.is_empty()
    assert Archive(folder, "generic").thumbnails([FIRST]).rows.is_empty()


dirt = {
    "video_id": ["abcdefghij1", "abcdefghij2", "#NAME?", ""],
    "captured_at": ["2026-01-05T04:00:00Z", "2026-01-06", "?", ""],
    "published_at": ["2026-01-04T00:00:00Z", "2026-01-06", "x", ""],
    "view_count": ["0", "5", "-1", "x", "9" * 14],
    "like_count": ["0", "3", "", "y"],
    "duration_sec": ["0", "P0D", "PT1M", "z"],
    "title": ["a", 'b,"\n', ""],
}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in dirt.items()}), max_size=8))
def test_rows_read_are_rows_kept_plus_rows_rejected_over_all_days(tmp_path_factory, dirty):
    archive = Archive(with_rows(tmp_path_factory.mktemp("dirt"), {}, *dirty), "generic")
    rows, rejected = everything(archive)
    by_day = [archive.snapshots([day]) for day in archive.days()]
    assert archive.n_read == 1 + len(dirty)
    assert sum(day.rows.height for day in by_day) == rows.height
    assert sorted(row for day in by_day for row in day.rejected["row"]) == sorted(rejected["row"])


@pytest.mark.slow
def test_the_real_trending_lists_import_whole(tmp_path):
    folder = Path(os.environ.get("VIDRANK_REAL_DATA", "../shared/data"))
    packed = folder / "trending-2025-2026.tar.xz"
    if not packed.is_file():
        pytest.skip(f"VIDRANK_REAL_DATA names no folder with {packed.name}")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    captured = Archive(tmp_path, "trending_daily")
    rows, rejected = everything(captured)
    assert (captured.n_read, rows.height, rows["video_id"].n_unique()) == (110_340, 110_340, 21_480)
    assert Counter(rejected["reason"]) == {}
    assert (len(captured.days()), captured.days()[0], captured.days()[-1]) == (
        173,
        date(2025, 12, 10),
        date(2026, 5, 31),
    )
