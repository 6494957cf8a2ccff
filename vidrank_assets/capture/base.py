"""What a source is: it gives the captures of some days, and keeps what it could not read."""

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

import polars as pl

from vidrank_assets.tables import REJECTED_CAPTURES

_NOTHING_TO_TELL: Mapping[str, Any] = MappingProxyType({})


class Captures(NamedTuple):
    """What was captured on some days, and the rows that were not.

    rows: the table that was asked for, every `captured_at` within the days.
    rejected: `tables.REJECTED_CAPTURES`, one row for each that was set aside, with its reason.
    told: how it went, by name: figures and states, for the asset's metadata.
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame = REJECTED_CAPTURES.empty()
    told: Mapping[str, Any] = _NOTHING_TO_TELL


class Source(Protocol):
    """Where captures come from. The same days give the same rows."""

    name: ClassVar[str]

    def days(self) -> Sequence[date]:
        """The days there are captures of, ascending."""
        ...

    def snapshots(self, days: Sequence[date]) -> Captures:
        """Counters and metadata of the watched videos on those days: `tables.SNAPSHOTS`."""
        ...

    def channel_snapshots(self, days: Sequence[date]) -> Captures:
        """Counters of the watched channels on those days: `tables.CHANNEL_SNAPSHOTS`."""
        ...

    def thumbnails(self, days: Sequence[date]) -> Captures:
        """Pictures first seen on those days: `tables.THUMBNAILS`."""
        ...
