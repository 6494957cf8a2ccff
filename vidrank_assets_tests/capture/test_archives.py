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
    rows, rejected = archive.snapshots(archive.days())
    channels = archive.channel_snapshots(archive.days())
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
def test_a_row_that_breaks_a_rule_is_rejected_under_its_reason_with_all_it_holds(tmp_path, broken, reason, found):
    rows, rejected = everything(Archive(with_rows(tmp_path, {}, broken), "generic"))
    assert rows.height == 1
    reject = rejected.row(0, named=True)
    assert (reject["reason"], reject["found"], reject["file"], reject["row"]) == (reason, found, "captures.csv", 2)
    assert json.loads(reject["raw"]) == {**ROW, **broken}
    assert reject["source"] == "archive:generic"


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
def test_what_is_odd_but_data_is_kept(tmp_path, written, column, expected):
    rows, rejected = everything(Archive(with_rows(tmp_path, written), "generic"))
    assert rejected.is_empty()
    value = rows[column][0]
    assert (value.to_list() if isinstance(value, pl.Series) else value) == expected


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


def test_a_folder_without_a_file_of_the_mapping_is_refused_with_folder_and_pattern(tmp_path):
    with pytest.raises(InvalidInput, match=r"has none that match \*\*/trending_\*\.csv"):
        Archive(with_rows(tmp_path, {}), "trending_daily").days()
    with pytest.raises(InvalidInput, match="must be a folder"):
        Archive(tmp_path / "absent", "generic")


def test_a_file_without_a_mapped_column_is_refused_with_the_column(tmp_path):
    columns = tuple(name for name in ROW if name != "published_at")
    with pytest.raises(InvalidInput, match=r"captures\.csv lacks published_at"):
        Archive(with_rows(tmp_path, {}, columns=columns), "generic").days()


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InvalidInput, match=r"empty\.csv lacks video_id"):
        Archive(tmp_path, "generic").days()


def test_a_parquet_file_gives_the_same_captures_as_a_csv(tmp_path):
    from_csv, _ = everything(Archive(with_rows(tmp_path / "a", {}, {"video_id": "abcdefghij2", "tags": ""}), "generic"))
    (tmp_path / "b").mkdir()
    from_csv.drop("source").write_parquet(tmp_path / "b" / "captures.parquet")
    from_parquet, rejected = everything(Archive(tmp_path / "b", "generic"))
    assert rejected.is_empty()
    assert from_parquet.equals(from_csv)


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(InvalidInput, match=r"broken\.parquet must be a Parquet file"):
        Archive(tmp_path, "generic").days()


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
    assert archive.channel_snapshots([SECOND]).select("channel_id", "subscriber_count").rows() == [
        ("UC1", 10),
        ("UC2", None),
    ]
    assert rejected["reason"].to_list() == ["duplicate", "missing_channel_id"]
    assert archive.channel_snapshots([FIRST]).is_empty()


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
    found = THUMBNAILS.checked(archive.thumbnails([FIRST]))
    assert found.select("video_id", "width", "height").rows() == [("abcdefghij1", 12, 9)]
    assert archive.thumbnails([SECOND]).is_empty()
    assert Archive(folder, "generic").thumbnails([FIRST]).is_empty()


def test_kaggle_2017_reads_both_layouts_and_prefers_the_full_one(tmp_path):
    header = (
        "video_id,trending_date,title,channel_title,category_id,publish_time,tags,views,likes,dislikes,comment_count,"
    )
    (tmp_path / "USvideos.csv").write_text(
        header + "thumbnail_link,comments_disabled,ratings_disabled,video_error_or_removed,description\n"
        'abcdefghij1,17.14.11,T,C,24,2017-11-14T05:00:00.000Z,"a b|""c""",100,5,1,0,http://x,True,False,False,x\\ny\n'
    )
    (tmp_path / "US_full_trimmed_sv2.csv").write_text(
        "\ufeffvideo_id,trending_date,category_id,views,category,likes,dislikes,comment_count\n"
        "abcdefghij1,17.14.11,24,100,Music,5,1,0\nabcdefghij1,17.15.11,24,200,Music,9,1,3\nabcdefghij2,17.15.11,24,7,M,1,1,1\n"
    )
    (tmp_path / "US_one_row_per_video.csv").write_text(
        "video_id,trending_date,title,channel_title,category_id,publish_time,views,likes,dislikes,comment_count,thumbnail_link\n"
        "abcdefghij1,17.15.11,T2,C,24,2017-11-14T05:00:00.000Z,1,1,1,1,http://x\n"
    )
    rows, rejected = everything(Archive(tmp_path, "kaggle_2017"))
    assert rows["captured_at"].to_list() == [datetime(2017, 11, day, 6, tzinfo=UTC) for day in (14, 15)]
    assert rows["title"].to_list() == ["T", "T2"]
    assert rows["channel_id"].unique().to_list() == ["C"]
    assert rows["comment_count"].to_list() == [None, 3]
    assert (rows["tags"][0].to_list(), rows["description"][0]) == (["a b", "c"], "x\ny")
    assert rejected.select("row", "reason").rows() == [(1, "duplicate"), (3, "no_metadata")]


def test_kaggle_2017_without_the_file_to_join_is_refused(tmp_path):
    (tmp_path / "US_full_trimmed_sv2.csv").write_text("video_id,trending_date,category_id,views,likes,comment_count\n")
    with pytest.raises(InvalidInput, match="must be joined with .*one_row_per_video"):
        Archive(tmp_path, "kaggle_2017").days()


def test_kaggle_2020_reads_files_with_and_without_header(tmp_path):
    fields = [
        "id",
        "T",
        "2020-08-12T09:00:00Z",
        "UC1",
        "C",
        "22",
        "2020-08-12T00:00:00Z",
        "[None]",
        "10",
        "2",
        "0",
        "0",
    ]
    line = ",".join([*fields, "http://x", "False", "True", "d"]) + "\n"
    names = "video_id,title,publishedAt,channelId,channelTitle,categoryId,trending_date,tags,view_count,likes,dislikes,"
    names += "comment_count,thumbnail_link,comments_disabled,ratings_disabled,description\n"
    (tmp_path / "GB_youtube_trending_data.csv").write_text(names + line.replace("id", "abcdefghij1", 1))
    (tmp_path / "US_headerless.csv").write_text(line.replace("id", "abcdefghij2", 1))
    rows, rejected = everything(Archive(tmp_path, "kaggle_2020"))
    assert rejected.is_empty()
    assert rows.select("video_id", "query", "like_count", "comment_count").rows() == [
        ("abcdefghij1", "GB", None, 0), ("abcdefghij2", "US", None, 0),
    ]  # fmt: skip
    assert rows["captured_at"].unique().to_list() == [datetime(2020, 8, 12, 12, tzinfo=UTC)]


def test_scraper_2024_takes_the_day_from_the_file_name_in_both_layouts(tmp_path):
    common = "video_id,title,publishedAt,channelId,channelTitle,category,trending_date,tags,"
    old = (
        common
        + "view_count,likes,dislikes,comment_count,thumbnail_link,comments_disabled,ratings_disabled,description\n"
    )
    new = (
        common
        + "duration_seconds,view_count,likes,dislikes,comment_count,subscriber_count,thumbnail_link,description\n"
    )
    row = "abcdefghij1,T,2024-10-01T00:00:00Z,UC1,C,Music,"
    (tmp_path / "24.10.23_AU_videos.csv").write_text(old + row + "24.23.10,[none],5,0,0,0,http://x,False,False,d\n")
    (tmp_path / "24.10.31_JP_videos.csv").write_text(new + row + '24.10.31,"""a|b""",272,5,0,0,0,9,http://x,d\n')
    rows, rejected = everything(Archive(tmp_path, "scraper_2024"))
    assert rejected.is_empty()
    assert rows.select("query", "like_count", "duration_sec").rows() == [("AU", 0, None), ("JP", None, 272)]
    assert rows["captured_at"].to_list() == [datetime(2024, 10, day, 6, tzinfo=UTC) for day in (23, 31)]
    assert rows["tags"].to_list() == [None, ["a", "b"]]


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
