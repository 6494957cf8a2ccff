"""Parquet and JSON-lines files become the text that a CSV would hold."""

from datetime import UTC, date, datetime

import polars as pl

from vidrank_assets.capture.archive_csv import DAMAGE, FILE, ROW
from vidrank_assets.capture.archive_files import column_names, matching, rows_of
from vidrank_assets.capture.mapping import Layout


def read(path, form):
    layout = Layout(glob="*", format=form, columns={})
    return rows_of([path], layout, column_names(path, layout), path.parent)


def test_files_that_several_patterns_match_come_once_and_sorted(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in matching(tmp_path, ("*.csv", "a*"))] == ["a.csv", "b.csv"]


def test_typed_columns_of_a_parquet_file_are_text_and_lists_of_text_stay_lists(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {
            "at": [datetime(2026, 1, 5, 4, 0, 0, 5, tzinfo=UTC)], "day": [date(2026, 1, 5)], "n": [7], "x": [7.0],
            "flag": [True], "tags": [["a", "b"]], "nest": [{"k": 1}], "none": [None],
        }
    ).write_parquet(path)  # fmt: skip
    row = read(path, "parquet").row(0, named=True)
    assert row["at"] == "2026-01-05T04:00:00.000005"
    assert (row["day"], row["n"], row["x"], row["flag"], row["none"]) == ("2026-01-05", "7", "7.0", "true", None)
    assert (row["tags"], row["nest"]) == (["a", "b"], '{"nest":{"k":1}}')
    assert (row[FILE], row[ROW], row[DAMAGE]) == ("a.parquet", 1, None)


def test_a_time_of_another_zone_is_written_in_utc(tmp_path):
    path = tmp_path / "a.parquet"
    noon = pl.Series("at", [datetime(2026, 1, 5, 12)]).dt.replace_time_zone("America/New_York")
    noon.to_frame().write_parquet(path)
    assert read(path, "parquet")["at"].to_list() == ["2026-01-05T17:00:00.000000"]


def test_json_lines_have_the_columns_of_all_their_objects(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "x", "tags": ["p", 1]}\n\n{"b": 2, "tags": null}\nno object\n[3]\n')
    rows = read(path, "jsonl")
    assert rows.select("a", "tags", "b").rows() == [
        ("x", ["p", "1"], None), (None, None, "2"), (None, None, None), (None, None, None),
    ]  # fmt: skip
    assert rows[DAMAGE].to_list() == [None, None, "unreadable_line", "unreadable_line"]
