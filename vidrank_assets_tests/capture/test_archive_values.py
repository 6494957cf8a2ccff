"""One cell at a time: times, counters, lengths, tags, categories."""

from datetime import UTC, datetime, time

import polars as pl
import pytest

from vidrank_assets.capture.archive_values import category_id, counter_value, instant, seconds, tag_list


def of(expression, text, dtype=pl.String):
    return pl.DataFrame({"t": [text]}, schema={"t": dtype}).select(expression(pl.col("t"))).item()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05T04:15:46.577916+00:00", datetime(2026, 1, 5, 4, 15, 46, 577916, UTC)),
        ("2025-11-28 17:01:32+02:00", datetime(2025, 11, 28, 15, 1, 32, tzinfo=UTC)),
        ("2025-11-28T17:01:32Z", datetime(2025, 11, 28, 17, 1, 32, tzinfo=UTC)),
        ("2025-11-28 17:01:32", datetime(2025, 11, 28, 17, 1, 32, tzinfo=UTC)),
        ("2025-11-28 17:01", datetime(2025, 11, 28, 17, 1, tzinfo=UTC)),
        ("2025-11-28", datetime(2025, 11, 28, 23, 59, 59, tzinfo=UTC)),
        ("2025-02-30", None),
        ("28/11/2025", None),
    ],
)
def test_iso_times_are_utc_and_a_day_alone_is_its_clock_time(text, expected):
    assert of(lambda column: instant(column, None, time(23, 59, 59)), text) == expected


def test_the_first_format_that_fits_is_taken():
    def found(text):
        return of(lambda column: instant(column, ["%y.%d.%m", "%y.%m.%d"], time(6)), text)

    assert found("17.14.11") == datetime(2017, 11, 14, 6, tzinfo=UTC)
    assert found("24.10.31") == datetime(2024, 10, 31, 6, tzinfo=UTC)
    assert found("24.32.10") is None


def test_a_midnight_that_stands_for_a_day_becomes_the_clock_time():
    found = of(lambda column: instant(column, ["%Y-%m-%dT00:00:00Z"], time(12)), "2020-08-12T00:00:00Z")
    assert found == datetime(2020, 8, 12, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), ("12.0", 12), ("+3", 3), ("-4", -4), ("1e5", None), ("1.5", None), ("9" * 20, None)],
)
def test_a_counter_is_a_whole_number(text, expected):
    assert of(counter_value, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("199", 199),
        ("PT3M19S", 199),
        ("PT1H2M3S", 3723),
        ("P1DT2S", 86_402),
        ("P1W", 604_800),
        ("P0D", None),
        ("0", None),
    ],
)
def test_a_length_is_seconds_and_a_live_stream_has_none(text, expected):
    assert of(seconds, text) == expected


@pytest.mark.parametrize("text", ["PT", "P", "-5", "3:19", "abc"])
def test_what_is_no_length_is_null_even_where_zero_is_not(text):
    assert of(lambda column: seconds(column, zero_is_null=False), text) is None


@pytest.mark.parametrize(
    ("written", "quote", "expected"),
    [
        (["SHANtell martin", '"a b"'], '"', ["SHANtell martin", "a b"]),
        (['"a', "b", 'c"'], '"', ["a", "b", "c"]),
        ([' Raga (From "DC") ', ""], "", ['Raga (From "DC")']),
        (["", " "], "", None),
    ],
)
def test_tags_lose_blanks_surrounding_quotes_and_empty_ones(written, quote, expected):
    found = of(lambda column: tag_list(column, quote), written, pl.List(pl.String))
    assert (found if found is None else found.to_list()) == expected


@pytest.mark.parametrize(
    ("written", "expected"), [("10", "10"), ("Music", "10"), ("People\u00a0&\u00a0Blogs", "22"), ("Cookery", "Cookery")]
)
def test_a_category_is_its_id_also_from_its_name(written, expected):
    assert of(category_id, written) == expected
