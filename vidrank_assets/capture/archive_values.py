"""One cell of an archive, from the ways in which sources write it to the way we do. All of it is vectorised."""

from collections.abc import Sequence
from datetime import time

import polars as pl

#: ISO 8601 as it is met: with a zone, without one (UTC), to the minute, and a day alone. The blank is made a T before.
_ISO = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_PERIOD = r"^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?$"
_SECONDS_OF = (604_800, 86_400, 3_600, 60, 1)

#: The ids of the categories that the Data API has names for; where two ids share a name, the one that videos carry.
CATEGORY_IDS = {
    "Film & Animation": "1", "Autos & Vehicles": "2", "Music": "10", "Pets & Animals": "15", "Sports": "17",
    "Short Movies": "18", "Travel & Events": "19", "Gaming": "20", "Videoblogging": "21", "People & Blogs": "22",
    "Comedy": "23", "Entertainment": "24", "News & Politics": "25", "Howto & Style": "26", "Education": "27",
    "Science & Technology": "28", "Nonprofits & Activism": "29", "Movies": "30", "Anime/Animation": "31",
    "Action/Adventure": "32", "Classics": "33", "Documentary": "35", "Drama": "36", "Family": "37", "Foreign": "38",
    "Horror": "39", "Sci-Fi/Fantasy": "40", "Thriller": "41", "Shorts": "42", "Shows": "43", "Trailers": "44",
}  # fmt: skip


def instant(text: pl.Expr, formats: Sequence[str] | None, clock: time) -> pl.Expr:
    """A UTC instant from text in the first of the formats that fits; null where none does.

    formats: strftime patterns; ISO 8601 when null. A pattern without an hour is a day, and means `clock` (UTC) on it.
    """
    if formats is None:
        return instant(text.str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T"), _ISO, clock)
    return pl.coalesce(_read(text, pattern, clock) for pattern in formats)


def _read(text: pl.Expr, pattern: str, clock: time) -> pl.Expr:
    if "z" in pattern:
        return text.str.to_datetime(pattern, time_unit="us", time_zone="UTC", strict=False)
    if "%H" in pattern or "%I" in pattern:
        return text.str.to_datetime(pattern, time_unit="us", strict=False).dt.replace_time_zone("UTC")
    return (
        text.str.to_date(pattern, strict=False)
        .dt.combine(clock, "us")
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone("UTC")
    )


def counter_value(text: pl.Expr) -> pl.Expr:
    """A whole number, also when it is written `12.0`; null where there is none or it does not fit 64 bits."""
    return text.str.extract(r"^([+-]?\d+)(?:\.0*)?$").str.strip_prefix("+").cast(pl.Int64, strict=False)


def seconds(text: pl.Expr, *, zero_is_null: bool = True) -> pl.Expr:
    """A length in seconds, from seconds or from ISO 8601 (`PT1H2M3S`); null for 0 and `P0D`, as live streams have."""
    parts = text.str.extract_groups(_PERIOD)
    fields = [parts.struct[place].cast(pl.Int64, strict=False) for place in range(len(_SECONDS_OF))]
    told = pl.any_horizontal(field.is_not_null() for field in fields)
    period = pl.sum_horizontal(field.fill_null(0) * size for field, size in zip(fields, _SECONDS_OF, strict=True))
    whole = text.str.extract(r"^(\d+)(?:\.\d*)?$").cast(pl.Int64, strict=False)
    length = pl.coalesce(whole, pl.when(told).then(period))
    return pl.when(length > 0).then(length) if zero_is_null else length


def tag_list(tags: pl.Expr, quote: str) -> pl.Expr:
    """Tags without blanks, surrounding quotes and empty ones; null when there is none.

    tags: a list of text. quote: characters that may surround a tag, none when empty.
    """
    tag = pl.element().str.strip_chars()
    tag = tag.str.strip_chars(quote).str.strip_chars() if quote else tag
    kept = tags.list.eval(tag.filter(tag != ""))
    return pl.when(kept.list.len() > 0).then(kept)


def category_id(text: pl.Expr) -> pl.Expr:
    """The id of a category from its id or its name; a name that YouTube does not have stays as it is."""
    return text.str.replace_all("\u00a0", " ").replace(CATEGORY_IDS)
