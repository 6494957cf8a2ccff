"""Captures of others: CSV, Parquet and JSON-lines files, by a column mapping.

Every row read is either kept or rejected under one reason, with the row as it was; none is dropped.
"""

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import polars as pl

from vidrank_assets.capture.archive_batches import Batch, batches
from vidrank_assets.capture.archive_csv import DAMAGED, FILE, ROW
from vidrank_assets.capture.archive_pictures import pictures
from vidrank_assets.capture.archive_rules import AS_WRITTEN, FOUND, REASON, captures
from vidrank_assets.capture.base import Captures
from vidrank_assets.capture.mapping import read_mapping
from vidrank_assets.errors import InvalidInput
from vidrank_assets.schema import Table
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS, THUMBNAILS

_GROUP, _BATCH = "*group", "*batch"
#: Of rows with one key the one with most of these, compared in this order, is kept.
_COUNTERS = {
    SNAPSHOTS.name: ("view_count", "like_count", "comment_count"),
    CHANNEL_SNAPSHOTS.name: ("channel_view_count", "subscriber_count", "video_count"),
}
_DAY = pl.col("captured_at").dt.date()


class _Contents(NamedTuple):
    """All that an archive holds: every row read is in one of the tables."""

    rows: pl.DataFrame
    channels: pl.DataFrame
    rejected: pl.DataFrame
    n_read: int

    @property
    def days(self) -> list[date]:
        """The days that any row says it was captured on, ascending."""
        found = [self.rows.select(day=_DAY), self.channels.select(day=_DAY), self.rejected.select("day")]
        return pl.concat(found)["day"].drop_nulls().unique().sort().to_list()


class Archive:
    """The captures in a folder of files, by a shipped mapping or one's own; read once, when first asked for.

    Of several rows with one key the one with most views is kept, of equal ones the first in the mapping's order; the
    others are rejected as `duplicate` (same counters) or `conflicting_capture`. Views only rise but for corrections,
    so the reading with most views is the latest of a day that is known without its hour.
    """

    name: ClassVar[str] = "archive"

    def __init__(self, folder: str | Path, mapping: str | Path) -> None:
        """Read the mapping.

        mapping: the name of a shipped one, or the path of a YAML file.
        Raises UnknownName or InvalidInput: there is no such mapping or folder, or the mapping is broken.
        """
        self._folder = Path(folder)
        self._mapping = read_mapping(mapping)
        if not self._folder.is_dir():
            raise InvalidInput(f"an archive must be a folder; {folder} is none. Unpack it, and name the folder.")

    @property
    def n_read(self) -> int:
        """How many rows the files hold: those kept and those rejected, together."""
        return self._contents.n_read

    def days(self) -> Sequence[date]:
        """The days that any row, kept or rejected, says it was captured on, ascending.

        Raises InvalidInput: the files are not those of the mapping, or no row says when it was captured.
        """
        return self._days

    def snapshots(self, days: Sequence[date]) -> Captures:
        """Captures and rejected rows of those days; a rejected row without a day comes with the archive's first.

        The rejected rows of channel files are among them.
        """
        day = pl.col("day").fill_null(self._days[0])
        rejected = self._contents.rejected.filter(day.is_in(list(days)))
        return Captures(self._contents.rows.filter(_DAY.is_in(list(days))), rejected)

    def channel_snapshots(self, days: Sequence[date]) -> Captures:
        """Counters of channels on those days, of mappings that have them: `tables.CHANNEL_SNAPSHOTS`."""
        return Captures(self._contents.channels.filter(_DAY.is_in(list(days))))

    def thumbnails(self, days: Sequence[date]) -> Captures:
        """Pictures of the videos first captured on those days, of mappings that have them: `tables.THUMBNAILS`."""
        if self._mapping.thumbnails is None:
            return Captures(THUMBNAILS.empty())
        first = self._contents.rows.group_by("video_id").agg(pl.col("captured_at").min(), pl.col("source").first())
        of_days = first.filter(_DAY.is_in(list(days))).sort("video_id")
        return Captures(pictures(of_days, self._folder, self._mapping.thumbnails))

    @cached_property
    def _days(self) -> list[date]:
        if days := self._contents.days:
            return days
        rejected = self._contents.rejected
        reasons = ", ".join(f"{n} {reason}" for reason, n in rejected["reason"].value_counts(sort=True).rows())
        raise InvalidInput(
            f"at least one row of an archive must say when it was captured; {self._folder} by mapping "
            f"{self._mapping.name} has {rejected.height} rows, and none does ({reasons or 'empty files'}). "
            "Correct `captured_at` or its `times` in the mapping."
        )

    @cached_property
    def _contents(self) -> _Contents:
        read = list(batches(self._folder, self._mapping))
        source = pl.lit(f"{self.name}:{self._mapping.name}").alias("source")
        settled = {table: _settled(table, read) for table in (SNAPSHOTS, CHANNEL_SNAPSHOTS)}
        kept = {table: _kept(table, rows).with_columns(source) for table, rows in settled.items()}
        broken = [_broken(rows) for rows in settled.values() if not rows.is_empty()]
        rejected = _rejected(broken, read).with_columns(source).select(REJECTED_CAPTURES.schema.names())
        return _Contents(kept[SNAPSHOTS], kept[CHANNEL_SNAPSHOTS], rejected, sum(batch.rows.height for batch in read))


def _settled(table: Table, read: Sequence[Batch]) -> pl.DataFrame:
    """Every row of a table's files, sorted; of several captures with one key all but one have got a reason."""
    judged = [
        captures(batch.rows, batch.group, batch.joined).with_columns(
            pl.lit(batch.place).alias(_GROUP), pl.lit(place).alias(_BATCH)
        )
        for place, batch in enumerate(read)
        if batch.group.declared is table
    ]
    if not judged:
        return pl.DataFrame()
    counters = _COUNTERS[table.name]
    order = [*table.key, *counters, _GROUP, FILE, ROW]
    rows = pl.concat(judged).sort(order, descending=[name in counters for name in order], nulls_last=True)
    whole = pl.col(REASON).is_null()
    key = [*table.key, whole.alias("*whole")]
    again = whole & (pl.int_range(pl.len()).over(key) > 0)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).first().over(key)) for name in counters)
    shown = [pl.format("{}={}", pl.lit(name), pl.col(name)) for name in counters]
    reason = pl.when(same).then(pl.lit("duplicate")).otherwise(pl.lit("conflicting_capture"))
    return rows.with_columns(
        pl.when(again).then(reason).otherwise(REASON).alias(REASON),
        pl.when(again).then(pl.concat_str(shown, separator=" ", ignore_nulls=True)).otherwise(FOUND).alias(FOUND),
    )


def _kept(table: Table, settled: pl.DataFrame) -> pl.DataFrame:
    if settled.is_empty():
        return table.empty()
    return settled.filter(pl.col(REASON).is_null()).select(table.schema.names())


def _broken(settled: pl.DataFrame) -> pl.DataFrame:
    names = {REASON: "reason", FOUND: "found", AS_WRITTEN: "video_id"}
    rejected = settled.filter(pl.col(REASON).is_not_null())
    return rejected.select(
        FILE, ROW, _BATCH, _DAY.alias("day"), *(pl.col(old).alias(new) for old, new in names.items())
    )


def _rejected(broken: Sequence[pl.DataFrame], read: Sequence[Batch]) -> pl.DataFrame:
    """The rows with a reason, each with all it holds as JSON, sorted by file and row."""
    if not broken:
        return REJECTED_CAPTURES.empty()
    rows = pl.concat(broken)
    written = [
        batch.rows.join(rows.filter(pl.col(_BATCH) == place), on=[FILE, ROW], how="semi").select(
            FILE, ROW, pl.coalesce(DAMAGED, pl.struct(batch.columns).struct.json_encode()).alias("raw")
        )
        for place, batch in enumerate(read)
    ]
    found = rows.join(pl.concat(written), on=[FILE, ROW], how="left")
    return found.rename({FILE: "file", ROW: "row"}).sort("file", "row")
