"""Mappings: what is shipped, what defaults do, and what a mistake in one's own says."""

from datetime import UTC, datetime, time

import polars as pl
import pytest

from vidrank_assets.capture.archives import Archive
from vidrank_assets.capture.mapping import read_mapping, shipped
from vidrank_assets.errors import InvalidInput, UnknownName

MINIMAL = """
files:
  - glob: "*.csv"
    columns: {video_id: id, captured_at: seen, published_at: born}
"""


def written(folder, text: str):
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", sorted(set(shipped()) - {"channel_catalog_security"}))
def test_every_shipped_mapping_is_one_and_says_what_it_is_for(name):
    mapping = read_mapping(name)
    assert mapping.name == name
    assert mapping.about


def test_the_mapping_of_a_catalog_without_capture_times_is_refused_with_the_reason():
    with pytest.raises(InvalidInput, match="infosec_all_videos.jsonl gives no captured_at.*state it under `values`"):
        read_mapping("channel_catalog_security")


def test_a_mapping_of_ones_own_is_named_by_its_file(tmp_path):
    mapping = read_mapping(written(tmp_path, MINIMAL))
    assert (mapping.name, mapping.files[0].columns["video_id"], mapping.files[0].clock) == (
        "mine",
        ("id",),
        time(23, 59, 59),
    )


def test_defaults_hold_for_every_group_and_the_group_adds_its_own_columns(tmp_path):
    text = """
defaults:
  clock: "06:00:00"
  columns: {video_id: id, captured_at: seen, published_at: born}
files:
  - glob: "a*.csv"
    columns: {view_count: views}
  - glob: "b*.csv"
    clock: "07:00:00"
    columns: {captured_at: read_at}
"""
    first, second = read_mapping(written(tmp_path, text)).files
    assert first.columns == {
        "video_id": ("id",),
        "captured_at": ("seen",),
        "published_at": ("born",),
        "view_count": ("views",),
    }
    assert (first.clock, second.clock, second.columns["captured_at"]) == (time(6), time(7), ("read_at",))


def test_a_name_that_is_neither_shipped_nor_a_file_is_told_with_those_there_are():
    with pytest.raises(UnknownName, match="generic, global_snapshots, kaggle_2017.*got kaggle_1999"):
        read_mapping("kaggle_1999")


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("files: [", "must be YAML"),
        ("- a", "files"),
        ("files: []", "at least 1 item"),
        (MINIMAL.replace("captured_at: seen, ", ""), "gives no captured_at"),
        (MINIMAL.replace("id, captured", "id, vieuws: v, captured"), "snapshots has no column vieuws"),
        (MINIMAL + "    colums: {}", "Extra inputs are not permitted"),
        (MINIMAL + "    format: xlsx", "'csv', 'parquet' or 'jsonl'"),
        (MINIMAL + "    encoding: utf-9", "no encoding 'utf-9'"),
        (MINIMAL + "    clock: 6:00:00", "in quotes"),
        (MINIMAL + "    clock: 6", "in quotes"),
        (MINIMAL + '    times: {captured_at: "%H"}', "no format of a time"),
        (MINIMAL + "    from_path: {query: 'a('}", "no regular expression"),
        (MINIMAL + "    from_path: {query: 'abc'}", "no regular expression with a .group"),
        (MINIMAL + "    values: {captured_at: '2026-01-05'}", "captured_at is in more than one"),
        (MINIMAL + "    join: {glob: b, columns: {title: t}}", "key video_id of a join must be among"),
        (MINIMAL + "    separator: ';;'", "at most 1 character"),
    ],
)
def test_a_mistake_in_a_mapping_is_one_sentence_that_names_the_place(tmp_path, mistake, told):
    with pytest.raises(InvalidInput, match=told) as caught:
        read_mapping(written(tmp_path, mistake))
    assert "mine" in str(caught.value)
    assert "\n" not in str(caught.value)


def everything(archive: Archive) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Kept and rejected rows of all days, all rows that were read between them."""
    rows, rejected, _ = archive.snapshots(archive.days())
    assert archive.n_read == rows.height + rejected.height
    return rows, rejected


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
