"""Mappings: what is shipped, what defaults do, and what a mistake in one's own says."""

from datetime import time

import pytest

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
        (MINIMAL + "    separator: ';;'", "at most 1 character"),
    ],
)
def test_a_mistake_in_a_mapping_is_one_sentence_that_names_the_place(tmp_path, mistake, told):
    with pytest.raises(InvalidInput, match=told) as caught:
        read_mapping(written(tmp_path, mistake))
    assert "mine" in str(caught.value)
    assert "\n" not in str(caught.value)
