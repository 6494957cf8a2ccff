"""Values of the Data API: what they are read as, and what is refused."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from vidrank_assets.capture import sample_channels, youtube_fields
from vidrank_assets.capture.archive_values import seconds

DAY = datetime(2024, 10, 2, 15, 1, 23, tzinfo=UTC)


def read(kind: str, value):
    return TypeAdapter(getattr(youtube_fields, kind)).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("Count", None, None),
        ("Count", "0", 0),
        ("Count", 12, 12),
        ("Count", str(2**62), 2**62),
        ("Seconds", "PT1H2M3S", 3723),
        ("Seconds", "P1DT1S", 86_401),
        ("Seconds", "P1W", 604_800),
        ("Seconds", "PT59.9S", 59),
        ("Seconds", "213s", 213),
        ("Seconds", "213.5s", 213),
        ("Seconds", "P0D", None),
        ("Seconds", "PT0S", None),
        ("Seconds", "0s", None),
        ("Seconds", None, None),
        ("Subscribers", {"hiddenSubscriberCount": True, "subscriberCount": "0"}, None),
        ("Subscribers", {"hiddenSubscriberCount": False, "subscriberCount": "0"}, 0),
        ("Subscribers", {"subscriberCount": "12"}, 12),
        ("Subscribers", {}, None),
        ("Publication", "2024-10-02T15:01:23Z", DAY),
        ("Publication", "2024-10-02T15:01:23.000Z", DAY),
        ("Publication", "2024-10-02T17:01:23.045123999+02:00", DAY.replace(microsecond=45_123)),
        ("Creation", "2024-10-02T15:01:23Z", DAY),
        ("Creation", "1970-01-01T00:00:00Z", None),
        ("Creation", None, None),
        ("Text", "half \ud83d of an emoji\0", "half \ufffd of an emoji\ufffd"),
        ("Text", "whole \U0001f600", "whole \U0001f600"),
        ("EscapedTitle", "Surfing&#39;s &lt;3 &amp;amp;", "Surfing's <3 &amp;"),
        ("Code", "", None),
        ("Code", "en-US", "en-US"),
        ("Handle", "@mkbhd", "@mkbhd"),
        ("Handle", "googledevelopers", None),
        ("PlaylistId", "", None),
        ("Tags", ["a", " b ", ""], ("a", "b")),
        ("Tags", [], None),
        ("Tags", None, None),
    ],
)
def test_a_value_is_read_as(kind, value, expected):
    assert read(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("Count", ["-1", -1, "1.0", 1.0, "", "1e5", " 1", "1_000", "٣", True, [1], str(2**62 + 1), 2**63, "9" * 5_000]),
        ("Seconds", ["", "P", "PT", "-5s", "PT-5S", "s", "1H", 213, "P" + "9" * 30 + "D", "PT1٣S"]),
        ("Subscribers", [{"hiddenSubscriberCount": "true"}, {"hiddenSubscriberCount": 1}, {"subscriberCount": "-1"}]),
        ("Publication", [None, "", "yesterday", "2005-03-31T23:59:59Z", "2100-01-01T00:00:00Z", 1_700_000_000]),
        ("Publication", ["2024-10-02T15:01:23", "2024-10-02", "0001-01-01T00:00:00+14:00", "2024-02-30T00:00:00Z"]),
        ("Publication", ["9999-12-31T23:59:59-14:00", "\ud800", "2024-10-02T15:01:23\ud800"]),
        ("Creation", ["", 5, "soon"]),
        ("VideoId", ["", "abcdefghij", "abcdefghijkl", "abcdefghij\n", "abcdefghij\ud800", "abcdefghi/1", 11, None]),
        ("ChannelId", ["UC" + "a" * 21, "UC" + "a" * 23, "HC" + "a" * 22, "UC" + "ä" * 22, None]),
        ("PlaylistId", ["../../key", "a b", "x" * 65, 5]),
        ("Text", [5, None, ["a"], True]),
        ("Tags", ["a", {"a": 1}, [1], [None]]),
        ("Handle", [5, ["@a"]]),
    ],
)
def test_what_is_no_such_value_is_refused(kind, values):
    for value in values:
        with pytest.raises(ValidationError):
            read(kind, value)


def pictures(**urls) -> dict:
    return {name: {"url": url} for name, url in urls.items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pictures(default="d", high="h", medium="m", maxres="x"), "m"),
        (pictures(default="d", high="h"), "h"),
        (pictures(maxres="x", default="d"), "d"),
        (pictures(standard="s"), "s"),
        (pictures(medium=5, high=None, default="d"), "d"),
        (pictures(medium="ä"), None),
        (pictures(medium="a\nb"), None),
        ({"medium": "m", "high": {"width": 4}}, None),
        ({}, None),
        ("text", None),
        (None, None),
    ],
)
def test_the_thumbnail_is_the_medium_one_or_the_next_that_has_a_url(value, expected):
    assert read("ThumbnailUrl", value) == expected


def test_the_ids_of_the_sample_world_are_ids():
    for index in range(200):
        assert read("VideoId", sample_channels.identifier(7, f"video/{index}", 8))
        assert read("ChannelId", f"UC{sample_channels.identifier(7, f'channel/{index}', 16)}")


@pytest.mark.parametrize("text", ["PT1H2M3S", "P1DT1S", "P1W", "PT59.9S", "P0D", "PT0S", "PT10M"])
def test_a_length_is_the_same_from_an_archive(text):
    import polars as pl

    assert read("Seconds", text) == pl.select(seconds(pl.lit(text))).item()
