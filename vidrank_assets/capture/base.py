"""What a source is: it gives the captures of some days, and keeps what it could not read."""

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

import polars as pl


class Captures(NamedTuple):
    """The captures of some days, and the rows that are none.

    rows: `tables.SNAPSHOTS`, every `captured_at` within the days that were asked for.
    rejected: `tables.REJECTED_CAPTURES`, one row for each that was set aside, with its reason.
    told: what the source says of how it went, by name: figures and states for the asset's metadata.
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame
    told: Mapping[str, Any] = MappingProxyType({})


class Source(Protocol):
    """Where captures come from. The same days give the same rows."""

    name: ClassVar[str]

    def days(self) -> Sequence[date]:
        """The days there are captures of, ascending."""
        ...

    def snapshots(self, days: Sequence[date]) -> Captures:
        """Counters and metadata of the watched videos on those days."""
        ...

    def channel_snapshots(self, days: Sequence[date]) -> pl.DataFrame:
        """Counters of the watched channels on those days: `tables.CHANNEL_SNAPSHOTS`."""
        ...

    def thumbnails(self, days: Sequence[date]) -> pl.DataFrame:
        """Pictures first seen on those days: `tables.THUMBNAILS`."""
        ...
