import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.capture.analytics import beside_earlier, video_analytics
from vidrank_assets.errors import InvalidInput
from vidrank_assets.pair_tables import REJECTED_ANALYTICS, VIDEO_ANALYTICS

A, B, C = "aaaaaaaaaaa", "-bbbbbbbbbb", "c_c-c_c-c_c"
STUDIO = "Content,Video title,Video publish time,Views,Impressions,Impressions click-through rate (%)"


@pytest.fixture
def read(tmp_path):
    """Reads a file that holds some lines."""

    def reading(*lines, name="Table data.csv", encoding="utf-8", end="\n"):
        file = tmp_path / name
        file.write_bytes(end.join((*lines, "")).encode(encoding))
        found = video_analytics(file)
        assert VIDEO_ANALYTICS.checked(found.rows).equals(found.rows)
        assert REJECTED_ANALYTICS.checked(found.rejected).equals(found.rejected)
        return found

    return reading


def reasons(found):
    return found.rejected.select("line", "reason").rows()


def test_a_file_of_ones_own_has_shares(read):
    found = read("video_id,impressions,ctr", f"{C},2000,0.0425", f"{A},1,1", f"{B},,5e-2")
    assert found.rows.rows() == [(B, None, 0.05), (A, 1, 1.0), (C, 2000, 0.0425)]
    assert found.rejected.is_empty()


def test_the_export_of_youtube_studio_has_percent_and_a_sum_first(read):
    found = read(
        STUDIO,
        "Total,,,700,31000,4.5",
        f'{A},"A title, and more","Sep 20, 2026",500,"30,000",4.85',
        f'" {B}","Two\nlines ""quoted""",2026-09-21,200,1000,12.5%',
    )
    assert found.rows.rows() == [(B, 1000, 0.125), (A, 30_000, pytest.approx(0.0485))]
    assert found.rejected.is_empty()


@pytest.mark.parametrize(
    "header",
    [
        "Video,Impressions,Impressions click-through rate (%)",
        "\ufeffContent,Impressions,Impressions click-through rate (%)",
        "CONTENT , impressions,  Impressions  click-through rate (%)",
        "Content,Impres\u00adsions,Impres\u00adsions click-through rate (%)",
        '"Content","Impressions","Impressions click-through rate (%)"',
        "Content;Impressions;Impressions click-through rate (%)",
    ],
    ids=["of an old export", "byte-order mark", "other case and blanks", "soft hyphens", "quoted", "semicolons"],
)
def test_headers_are_known_however_they_are_written(read, header):
    separator = ";" if ";" in header else ","
    found = read(header, separator.join((A, "1000", "4.2")), end="\r\n")
    assert found.rows.rows() == [(A, 1000, pytest.approx(0.042))]


def test_columns_come_in_any_order_and_the_impressions_need_not_be_there(read):
    assert read("ctr,x,video_id", f"0.25,?,{A}").rows.rows() == [(A, None, 0.25)]


@pytest.mark.parametrize(
    ("impressions", "ctr", "reason"),
    [
        ("1000", "", "no_ctr"),
        ("1000", "n/a", "ctr_not_a_number"),
        ("1000", "4,2", "ctr_not_a_number"),
        ("1000", "-1", "ctr_not_a_number"),
        ("1000", "nan", "ctr_not_a_number"),
        ("1000", "100.1", "ctr_above_100_percent"),
        ("10.5", "4.2", "impressions_not_whole"),
        ("many", "4.2", "impressions_not_whole"),
        ("1,00", "4.2", "impressions_not_whole"),
        ("-3", "4.2", "impressions_not_whole"),
        ("1e300", "4.2", "impressions_not_whole"),
        ("0", "0", "no_impressions"),
    ],
)
def test_a_row_that_breaks_a_rule_is_set_aside_and_the_others_count(read, impressions, ctr, reason):
    found = read(STUDIO, f"{A},t,d,1,10,50", f'{B},"t\nu",d,1,"{impressions}","{ctr}"', f"{C},t,d,1,20,100")
    assert found.rows.rows() == [(A, 10, 0.5), (C, 20, 1.0)]
    assert reasons(found) == [(3, reason)]


def test_what_is_set_aside_says_where_it_was_what_it_held_and_which_rule_it_broke(read, tmp_path):
    found = read("video_id,impressions,ctr", f"{A},1000,0.04", f"{B},1000,4.2")
    assert found.rejected.to_dicts() == [
        {
            "file": "Table data.csv",
            "file_sha256": hashlib.sha256((tmp_path / "Table data.csv").read_bytes()).hexdigest(),
            "line": 3,
            "video_id": B,
            "reason": "ctr_not_a_share",
            "rule": "a column named ctr holds shares from 0 to 1: 4.2 % is 0.042",
            "found": "4.2",
            "raw": json.dumps([B, "1000", "4.2"]),
        }
    ]


@pytest.mark.parametrize("row", ["abc,1,0.1", "Showing top 500 results,,", ",,", "aaaaaaaaaaa\u00e4,1,0.1"])
def test_a_row_without_a_video_is_set_aside(read, row):
    assert reasons(read("video_id,impressions,ctr", f"{A},1,0.1", row)) == [(3, "invalid_video_id")]


def test_a_row_of_another_length_is_set_aside(read):
    found = read("video_id,impressions,ctr", f"{A},1,0.1", f"{B},1", f"{C},1,0.1,5", "", f"{C},2,0.5")
    assert reasons(found) == [(3, "unreadable_row"), (4, "unreadable_row")]
    assert found.rows.rows() == [(A, 1, 0.1), (C, 2, 0.5)]


def test_a_quote_that_is_never_closed_takes_the_lines_after_it_and_says_which(read):
    found = read("video_id,impressions,ctr", f"{A},1,0.1", f'"{B},1,0.1', f"{C},1,0.1")
    assert reasons(found) == [(3, "unreadable_row")]
    assert json.loads(found.rejected["raw"][0]) == ["lines 3 to 4"]


def test_a_row_that_is_there_twice_counts_once(read):
    found = read("video_id,impressions,ctr", f"{A},1000,0.04", f'{A},"1,000",.04', f"{A},,", f"{B},,0.1")
    assert found.rows.rows() == [(B, None, 0.1), (A, 1000, 0.04)]
    assert reasons(found) == [(4, "no_ctr")]


def test_rows_of_a_video_that_disagree_are_all_set_aside(read):
    found = read("video_id,impressions,ctr", f"{A},1000,0.04", f"{B},5,0.2", f"{A},1000,0.05", f"{A},1000,0.04")
    assert found.rows.rows() == [(B, 5, 0.2)]
    assert reasons(found) == [(line, "conflicting_rows") for line in (2, 4, 5)]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "must have one column `video_id` or `Content`; it has 0 among no columns"),
        (["title,ctr", "x,0.1"], "must have one column `video_id` or `Content`; it has 0 among title, ctr"),
        (["video_id,views", f"{A},1"], "must have one column `ctr` or `Impressions click-through rate"),
        (["Content,video_id,ctr", f"{A},{B},1"], "must have one column `video_id` or `Content`; it has 2"),
        (["ctr,Content,Impressions click-through rate (%)", f"1,{A},1"], "click-through rate.* it has 2"),
        (["video_id,ctr"], "at least one video with a CTR; none of its 0 rows has. Export"),
        (["video_id,ctr", "Total,0.1"], "none of its 0 rows"),
        (["video_id,ctr", f"{A},5"], "none of its 1 rows has; in line 2, a column named ctr holds shares"),
        (["PK\x03\x04"], "is a zip archive. Unpack it and take `Table data.csv`"),
    ],
    ids=["empty", "no id", "no ctr", "two ids", "two ctrs", "no rows", "a sum alone", "no good row", "zip"],
)
def test_a_file_that_cannot_be_used_is_one_sentence(read, lines, said):
    with pytest.raises(InvalidInput, match=said):
        read(*lines)


def test_a_file_that_is_not_utf_8_cannot_be_used_but_a_title_that_is_not_can(read, tmp_path):
    with pytest.raises(InvalidInput, match="must have one column"):
        read("video_id,ctr", f"{A},0.1", encoding="utf-16")
    file = tmp_path / "latin.csv"
    file.write_bytes(f"video_id,title,ctr\n{A},caf\xe9,0.1\n".encode("latin-1"))
    assert video_analytics(file).rows.rows() == [(A, None, 0.1)]


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(InvalidInput, match=r"must be in a CSV file; .*none\.csv is none"):
        video_analytics(tmp_path / "none.csv")


def test_of_a_video_the_newest_import_counts_and_of_a_file_the_newest_reading(read):
    first = read("video_id,ctr", f"{A},0.1", f"{B},0.2", "x,0.3")
    second = read("video_id,ctr", f"{C},0.5", f"{B},0.25", "y,0.3")
    both = beside_earlier(first, second)
    assert both.rows.rows() == [(B, None, 0.25), (A, None, 0.1), (C, None, 0.5)]
    assert sorted(both.rejected["video_id"]) == ["x", "y"]
    again = beside_earlier(both, second)
    assert again.rows.equals(both.rows)
    assert again.rejected.equals(both.rejected)


@given(
    st.lists(
        st.tuples(st.sampled_from([A, B, C, "x"]), st.integers(0, 3), st.sampled_from(["", "0.5", "7", "?"])),
        max_size=12,
    )
)
def test_every_row_counts_or_is_set_aside(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("files") / "a.csv"
    file.write_text("\n".join(["video_id,impressions,ctr", "zzzzzzzzzzz,1,0.5", *(f"{a},{b},{c}" for a, b, c in rows)]))
    found = video_analytics(file)
    fine = {row for row in rows if row[0] != "x" and row[1] > 0 and row[2] == "0.5"}
    agreed = {video_id for video_id in (A, B, C) if sum(row[0] == video_id for row in fine) == 1}
    assert set(found.rows["video_id"]) == agreed | {"zzzzzzzzzzz"}
    aside = {line for line, row in enumerate(rows, start=3) if row not in fine or row[0] not in agreed}
    assert set(found.rejected["line"]) == aside
