"""When a video is captured: in which slot of the day, and whether it is its turn."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple, Self

import polars as pl

from vidrank_assets.horizons import HORIZONS

Cadence = Literal["daily", "adaptive"]

#: Younger than this, a video grows so fast that it is captured in every slot.
_YOUNG = timedelta(days=3)
_LONGEST = max(HORIZONS.values(), key=lambda horizon: horizon.age)
#: Older than this, a video that was captured in time needs no more captures for its labels.
LAST_LABELLED = _LONGEST.age + _LONGEST.tolerance


class Slot(NamedTuple):
    """A part of a day in which each video is captured at most once. number: from 0."""

    day: date
    number: int

    @classmethod
    def at(cls, moment: datetime, captures_per_day: int) -> Self:
        """The slot that a moment lies in, of so many equally long ones from midnight UTC on."""
        now = moment.astimezone(UTC)
        since = now - datetime.combine(now.date(), time(), UTC)
        return cls(now.date(), int(since * captures_per_day / timedelta(days=1)))

    @property
    def name(self) -> str:
        """`2026-11-21T00`: names sort as slots do."""
        return f"{self.day}T{self.number:02d}"

    @property
    def ends_at(self) -> datetime:
        """The midnight after it: an answer after that is of another day."""
        return datetime.combine(self.day + timedelta(days=1), time(), UTC)


def due(slot: Slot, *, begun_at: datetime, watch: timedelta, cadence: Cadence) -> pl.Expr:
    """Whether it is a video's turn, by its `published_at`, `captured_at` (the last time; null: never) and `gone_at`.

    A video is watched until it is as old as `watch`. With the adaptive cadence it is captured in every slot for three
    days, then once a day, and no more when it is past the longest horizon and its tolerance; after a day that was
    missed there, once more, while the capture before it is near enough for both to give a label.
    """
    age = pl.lit(begun_at) - pl.col("published_at")
    watched = pl.col("gone_at").is_null() & (age <= watch)
    if cadence == "daily":
        return watched
    is_near = pl.lit(begun_at) - pl.col("captured_at") <= _LONGEST.bracket
    is_before = pl.col("captured_at") - pl.col("published_at") < _LONGEST.age
    watched &= (age <= LAST_LABELLED) | (is_near & is_before).fill_null(False)
    captured_today = (pl.col("captured_at").dt.date() == slot.day).fill_null(False)
    return watched & ((age <= _YOUNG) | ~captured_today)
