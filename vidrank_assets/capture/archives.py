"""Captures of others: CSV, Parquet and JSON-lines files, by a column mapping.

Every row read is either kept or rejected under one reason, with the row as it was; none is dropped.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import polars as pl

from vidrank_assets.capture.archive_csv import DAMAGED, FILE, ROW
from vidrank_assets.capture.archive_files import column_names, matching, rows_of
from vidrank_assets.capture.archive_pictures import pictures
from vidrank_assets.capture.archive_rules import AS_WRITTEN, FOUND, REASON, captures, joinable
from vidrank_assets.capture.base import Captures
from vidrank_assets.capture.mapping import FileGroup, Join, Layout, read_mapping
from vidrank_assets.errors import InvalidInput
from vidrank_assets.schema import Table
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, SNAPSHOTS, THUMBNAILS

_GROUP, _BATCH = "*group", "*batch"
_COUNTERS = {"snapshots": ("view_count", "like_count", "comment_count")}
_COUNTERS["channel_snapshots"] = ("channel_view_count", "subscriber_count", "video_count")
_DAY = pl.col("captured_at").dt.date()


class _Batch(NamedTuple):
    """The rows of files with the same columns, as they are written."""

    group: FileGroup
    columns: tuple[str, ...]
    rows: pl.DataFrame


class _Contents(NamedTuple):
    """All that an archive holds. rejected: `tables.REJECTED_CAPTURES`, a null day where none could be read."""

    rows: pl.DataFrame
    channels: pl.DataFrame
    rejected: pl.DataFrame
    n_read: int
    days: list[date]


class Archive:
    """The captures in a folder of files, by a shipped mapping or one's own; read once, when first asked for.

    Of several rows with one key the one with most views is kept, of equal ones the first of the mapping's order; the
    others are rejected as `duplicate` (same counters) or `conflicting_capture`. Views only rise but for corrections,
    so the reading with most views is the latest of a day that is known without its hour.
    """

    name: ClassVar[str] = "archive"

    def __init__(self, folder: str | Path, mapping: str | Path) -> None:
        """Read the mapping. Raises UnknownName or InvalidInput: there is no such mapping or folder, or it is broken."""
        self._folder = Path(folder)
        self._mapping = read_mapping(mapping)
        if not self._folder.is_dir():
            raise InvalidInput(f"an archive must be a folder; {folder} is none. Unpack it, and name the folder.")

    def days(self) -> Sequence[date]:
        """The days that any row, kept or rejected, says it was captured on, ascending."""
        return self._contents.days

    @property
    def n_read(self) -> int:
        """How many rows the files hold: those kept and those rejected, together."""
        return self._contents.n_read

    def snapshots(self, days: Sequence[date]) -> Captures:
        """Captures and rejected rows of those days; a rejected row without a day comes with the archive's first."""
        contents = self._contents
        of_days = pl.col("day").is_in(list(days))
        rejected = contents.rejected.filter(of_days | (pl.col("day").is_null() & pl.lit(contents.days[0] in days)))
        return Captures(contents.rows.filter(_DAY.is_in(list(days))), rejected)

    def channel_snapshots(self, days: Sequence[date]) -> pl.DataFrame:
        """Counters of channels on those days, of mappings that have them: `tables.CHANNEL_SNAPSHOTS`."""
        return self._contents.channels.filter(_DAY.is_in(list(days)))

    def thumbnails(self, days: Sequence[date]) -> pl.DataFrame:
        """Pictures of the videos first captured on those days, of mappings that have them: `tables.THUMBNAILS`."""
        if self._mapping.thumbnails is None:
            return THUMBNAILS.empty()
        first = self._contents.rows.group_by("video_id").agg(pl.col("captured_at").min(), pl.col("source").first())
        of_days = first.filter(_DAY.is_in(list(days))).sort("video_id")
        return pictures(of_days, self._folder, self._mapping.thumbnails)

    @cached_property
    def _contents(self) -> _Contents:
        batches = list(self._batches())
        judged = [
            captures(batch.rows, batch.group, self._joined(batch.group)).with_columns(
                pl.lit(self._mapping.files.index(batch.group)).alias(_GROUP), pl.lit(place).alias(_BATCH)
            )
            for place, batch in enumerate(batches)
        ]
        tables = {
            table.name: [rows for rows, batch in zip(judged, batches, strict=True) if batch.group.declared is table]
            for table in (SNAPSHOTS, CHANNEL_SNAPSHOTS)
        }
        videos, channels = (
            _settled(SNAPSHOTS, tables["snapshots"]),
            _settled(CHANNEL_SNAPSHOTS, tables["channel_snapshots"]),
        )
        source = pl.lit(f"{self.name}:{self._mapping.name}").alias("source")
        rejected = _rejected([videos, channels], batches).with_columns(source).select(REJECTED_CAPTURES.schema.names())
        rows, of_channels = (
            _kept(table, found).with_columns(source)
            for table, found in ((SNAPSHOTS, videos), (CHANNEL_SNAPSHOTS, channels))
        )
        days = pl.concat([rows.select(day=_DAY), of_channels.select(day=_DAY), rejected.select("day")])["day"]
        n_read = sum(batch.rows.height for batch in batches)
        self._demand_days(days.drop_nulls(), rejected)
        return _Contents(rows, of_channels, rejected, n_read, days.drop_nulls().unique().sort().to_list())

    def _demand_days(self, days: pl.Series, rejected: pl.DataFrame) -> None:
        if days.is_empty():
            reasons = rejected["reason"].value_counts(sort=True).rows()
            raise InvalidInput(
                f"at least one row of an archive must say when it was captured; {self._folder} read by mapping "
                f"{self._mapping.name} has {rejected.height} rows and none does: {dict(reasons)}. "
                "Correct `captured_at` or its `times` in the mapping."
            )

    def _batches(self) -> Iterator[_Batch]:
        """The rows of all files, those with the same columns at once."""
        for group, layouts in self._assigned().items():
            for columns, paths in layouts.items():
                yield _Batch(
                    self._mapping.files[group],
                    columns,
                    rows_of(paths, self._mapping.files[group], columns, self._folder),
                )

    def _assigned(self) -> dict[int, dict[tuple[str, ...], list[Path]]]:
        """The files of each group, by their columns.

        Raises InvalidInput: there is no file, or one has the columns of no group.
        """
        found = [set(matching(self._folder, group.glob)) for group in self._mapping.files]
        assigned: dict[int, dict[tuple[str, ...], list[Path]]] = defaultdict(lambda: defaultdict(list))
        for path in sorted(set().union(*found)):
            candidates = [place for place, paths in enumerate(found) if path in paths]
            group, columns = self._group_of(path, candidates)
            assigned[group][columns].append(path)
        if not assigned:
            globs = ", ".join(glob for group in self._mapping.files for glob in group.glob)
            raise InvalidInput(
                f"an archive must hold the files that its mapping names; {self._folder} has none that match {globs} "
                f"of mapping {self._mapping.name}. Check the folder, or choose another mapping."
            )
        return dict(sorted(assigned.items()))

    def _group_of(self, path: Path, candidates: Sequence[int]) -> tuple[int, tuple[str, ...]]:
        """The first group whose columns a file has, and the file's columns."""
        lacking: list[list[str]] = []
        for place in candidates:
            columns = column_names(path, self._mapping.files[place])
            lacking.append(_lacking(columns, self._mapping.files[place]))
            if not lacking[-1]:
                return place, columns
        raise InvalidInput(_lacks(path, min(lacking, key=len), self._mapping.name))

    def _joined(self, group: FileGroup) -> pl.DataFrame | None:
        """What the captures of a group lack, by the key of its join."""
        if (join := group.join) is None:
            return None
        paths = matching(self._folder, join.glob)
        if not paths:
            raise InvalidInput(
                f"captures in {', '.join(group.glob)} must be joined with {', '.join(join.glob)}; {self._folder} has "
                f"no such file. Put it there, or take `join` out of mapping {self._mapping.name}."
            )
        return joinable(pl.concat([self._whole(path, join) for path in paths]), join, join.key)

    def _whole(self, path: Path, join: Join) -> pl.DataFrame:
        columns = column_names(path, join)
        if lacking := _lacking(columns, join):
            raise InvalidInput(_lacks(path, lacking, self._mapping.name))
        return rows_of([path], join, columns, self._folder)


def _lacking(columns: Sequence[str], layout: Layout) -> list[str]:
    return [name for name in layout.needed if name not in columns]


def _lacks(path: Path, lacking: Sequence[str], mapping: str) -> str:
    return (
        f"a file must have the columns that mapping {mapping} names; {path} lacks {', '.join(lacking)}. "
        "Correct the mapping, or take the file out of the folder."
    )


def _settled(table: Table, judged: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows of a table, sorted; of several that are captures with one key all but one get a reason."""
    if not judged:
        return pl.DataFrame()
    counters = _COUNTERS[table.name]
    whole = pl.col(REASON).is_null()
    order = [*table.key, *counters, _GROUP, FILE, ROW]
    rows = pl.concat(judged).sort(order, descending=[name in counters for name in order], nulls_last=True)
    key = [*table.key, whole.alias("*whole")]
    again = whole & (pl.int_range(pl.len()).over(key) > 0)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).first().over(key)) for name in counters)
    found = pl.concat_str(
        [pl.format("{}={}", pl.lit(name), pl.col(name)) for name in counters], separator=" ", ignore_nulls=True
    )
    reason = pl.when(same).then(pl.lit("duplicate")).otherwise(pl.lit("conflicting_capture"))
    return rows.with_columns(
        pl.when(again).then(reason).otherwise(REASON).alias(REASON),
        pl.when(again).then(found).otherwise(FOUND).alias(FOUND),
    )


def _kept(table: Table, settled: pl.DataFrame) -> pl.DataFrame:
    if settled.is_empty():
        return table.empty()
    return settled.filter(pl.col(REASON).is_null()).select(table.schema.names())


def _rejected(settled: Sequence[pl.DataFrame], batches: Sequence[_Batch]) -> pl.DataFrame:
    """The rows with a reason, each with all it holds as JSON, sorted by file and row."""
    columns = [FILE, ROW, _BATCH, AS_WRITTEN, REASON, FOUND, _DAY.alias("day")]
    broken = [rows.filter(pl.col(REASON).is_not_null()).select(columns) for rows in settled if not rows.is_empty()]
    parts = []
    for place, batch in enumerate(batches):
        for rows in broken:
            here = rows.filter(pl.col(_BATCH) == place).join(batch.rows, on=[FILE, ROW], how="inner")
            written = pl.coalesce(DAMAGED, pl.struct(batch.columns).struct.json_encode())
            parts.append(here.with_columns(written.alias("raw")).drop(batch.columns, DAMAGED))
    if not parts:
        return REJECTED_CAPTURES.empty()
    names = {REASON: "reason", FOUND: "found", FILE: "file", ROW: "row", AS_WRITTEN: "video_id"}
    return pl.concat(parts, how="diagonal").rename(names).sort("file", "row")
