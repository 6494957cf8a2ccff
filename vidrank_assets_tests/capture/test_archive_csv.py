"""CSV files are read exactly as they are written, and damaged rows are marked."""

import csv
import io
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.capture.archive_csv import DAMAGE, DAMAGED, FILE, ROW, csv_header, csv_text
from vidrank_assets.capture.mapping import Layout

ABC = ("a", "b", "c")


def layout(**options) -> Layout:
    return Layout(glob="*.csv", columns={}, **options)


def read(folder, written: str | bytes, columns=ABC, **options) -> pl.DataFrame:
    path = folder / "file.csv"
    path.write_bytes(written if isinstance(written, bytes) else written.encode())
    return pl.concat(csv_text([path], layout(**options), columns), how="diagonal").sort(ROW)


def values(rows: pl.DataFrame) -> list[tuple]:
    return rows.select(ABC).rows()


def test_fields_with_separators_quotes_and_line_breaks_are_one_field(tmp_path):
    rows = read(tmp_path, 'a,b,c\n1,"x, ""y""\r\nz",3\r\n4,"5\r6",7\n')
    assert values(rows) == [("1", 'x, "y"\r\nz', "3"), ("4", "5\r6", "7")]
    assert rows[DAMAGE].null_count() == 2


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b,c\n1,2,3\n")
    assert csv_header(path, layout()) == ABC
    assert values(read(tmp_path, path.read_bytes())) == [("1", "2", "3")]
    assert values(read(tmp_path, b"\xef\xbb\xbfa,b,c\n1,2,3\n4,5\n"))[0] == ("1", "2", "3")


@pytest.mark.parametrize("ragged", ["4,5", "4,5,6,7"])
def test_a_row_with_another_number_of_fields_is_ragged_and_the_others_stay(tmp_path, ragged):
    rows = read(tmp_path, f"a,b,c\n1,2,3\n{ragged}\n7,8,9\n")
    assert rows[DAMAGE].to_list() == [None, "ragged_row", None]
    assert json.loads(rows[DAMAGED][1]) == ragged.split(",")
    assert values(rows)[2] == ("7", "8", "9")
    assert rows[ROW].to_list() == [1, 2, 3]


@pytest.mark.parametrize("end", ["4,5", '4,5,"the rest is', '4,"5'])
def test_a_file_that_ends_within_a_row_has_a_cut_row(tmp_path, end):
    assert read(tmp_path, f"a,b,c\n1,2,3\n{end}")[DAMAGE].to_list() == [None, "cut_row"]


def test_a_stray_quote_in_the_last_row_does_not_make_it_cut(tmp_path):
    rows = read(tmp_path, 'a,b,c\n1,2,3\n4,5" tall,6\n')
    assert values(rows) == [("1", "2", "3"), ("4", '5" tall', "6")]
    assert rows[DAMAGE].null_count() == 2


def test_empty_lines_are_no_rows(tmp_path):
    assert values(read(tmp_path, "a,b,c\n1,2,3\n\n4,5,6\n\n")) == [("1", "2", "3"), ("4", "5", "6")]


def test_a_row_with_bytes_of_another_encoding_is_marked_and_the_others_stay(tmp_path):
    rows = read(tmp_path, "a,b,c\n1,é,3\n".encode() + "4,é,6\n".encode("cp1252"))
    assert rows[DAMAGE].to_list() == [None, "wrong_encoding"]
    assert values(rows)[0] == ("1", "é", "3")
    assert json.loads(rows[DAMAGED][1]) == ["4", "\ufffd", "6"]


def test_an_encoding_of_the_mapping_is_used(tmp_path):
    assert values(read(tmp_path, "a,b,c\n1,é,3\n".encode("cp1252"), encoding="cp1252")) == [("1", "é", "3")]


def test_a_file_without_header_has_the_names_of_its_mapping(tmp_path):
    assert values(read(tmp_path, "1,2,3\n4,5,6\n", header=ABC)) == [("1", "2", "3"), ("4", "5", "6")]


def test_one_damaged_file_leaves_the_other_files_as_they_are(tmp_path):
    paths = [tmp_path / f"{name}.csv" for name in "abcdefg"]
    for place, path in enumerate(paths):
        path.write_text(f'a,b,c\n{place},"x"y,3\n' if place == 4 else f"a,b,c\n{place},2,3\n")
    rows = pl.concat(csv_text(paths, layout(), ABC), how="diagonal").sort(FILE)
    assert rows["a"].to_list() == [str(place) for place in range(7)]
    assert rows["b"][4] == "xy"


def test_a_field_longer_than_the_csv_modules_limit_is_read(tmp_path):
    limit = csv.field_size_limit()
    rows = read(tmp_path, 'a,b,c\n1,"x"y,3\n4,' + "z" * 200_000 + ",6\n")
    assert rows["b"].str.len_chars().to_list() == [2, 200_000]
    assert csv.field_size_limit() == limit


cells = st.text(st.sampled_from('ab1,"\n\r é;'), max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(cells, min_size=1, max_size=4), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_every_row_comes_back_as_it_was_written(tmp_path_factory, rows, line_end):
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([ABC, *rows])
    found = read(tmp_path_factory.mktemp("csv"), written.getvalue())
    expected = [tuple(row) if len(row) == 3 else None for row in rows]
    whole = found[DAMAGE].is_null().to_list()
    assert [row if kept else None for row, kept in zip(values(found), whole, strict=True)] == expected
    assert found[ROW].to_list() == list(range(1, len(rows) + 1))
