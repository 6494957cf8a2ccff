"""How YouTube counted views at a moment. One line in `BREAKS` is one change of the definition.

A count read after a break is not comparable with one read before it, so no label spans a break.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import polars as pl

#: Shorts are videos of at most this length.
SHORTS_SEC = 180


@dataclass(frozen=True)
class Break:
    """The moment from which views of some formats are counted in another way, and the name of that way.

    YouTube announces a day and no hour, so a break stands at the midnight (UTC) on which the day begins.
    """

    definition: str
    at: datetime
    formats: Literal["shorts", "all"]


#: The definition before the first break of a format.
ORIGINAL = "original"

#: In order of time.
BREAKS = (
    Break("shorts_2025_03_31", datetime(2025, 3, 31, tzinfo=UTC), "shorts"),
    Break("all_2026_08_24", datetime(2026, 8, 24, tzinfo=UTC), "all"),
)


def is_short(duration_sec: pl.Expr) -> pl.Expr:
    """Whether a video of that length is a Short; null when no length is known (null or 0, as of a live stream)."""
    return pl.when(duration_sec > 0).then(duration_sec <= SHORTS_SEC)


def metric_definition(at: pl.Expr, short: pl.Expr) -> pl.Expr:
    """The definition in force at a moment, named after the last break.

    short: three-valued, from `is_short`. The answer is null where it depends on a length that is not known.
    """
    definition = pl.lit(ORIGINAL)
    for each in BREAKS:
        covered = _covers(each, short)
        since = pl.when(covered.is_null()).then(None).when(covered).then(pl.lit(each.definition)).otherwise(definition)
        definition = pl.when(at >= each.at).then(since).otherwise(definition)
    return definition


def crosses_break(start: pl.Expr, end: pl.Expr, short: pl.Expr) -> pl.Expr:
    """Whether a break of the video's format lies after `start` and not after `end`.

    A video of unknown length may be a Short, so the breaks of Shorts count for it.
    """
    crossed = [(start < each.at) & (end >= each.at) & _covers(each, short).fill_null(value=True) for each in BREAKS]
    return pl.any_horizontal(crossed)


def _covers(each: Break, short: pl.Expr) -> pl.Expr:
    return short if each.formats == "shorts" else pl.lit(value=True)
