"""The rows of CSV files as text, exactly as they are written, the damaged ones marked.

Polars reads many files at once. A file that it cannot read, or reads otherwise than it is written, goes to a slower
reader that tells which rows are damaged. Which of the two a file went through shows only in time.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from vidrank_assets.capture.mapping import Layout

#: Beside the columns of the file: its path, the row from 1, what is damaged, and that row as JSON.
FILE, ROW, DAMAGE, DAMAGED = "*file", "*row", "*damage", "*damaged"

_UNDECODED = re.compile("[\udc80-\udcff]")


def csv_header(path: Path, layout: Layout) -> tuple[str, ...]:
    """The column names in the first line of a CSV, without a byte-order mark."""
    with path.open(encoding=layout.encoding, errors="surrogateescape", newline="") as lines:
        header = next(csv.reader(lines, delimiter=layout.separator), [])
    return tuple(_without_bom(name) if place == 0 else name for place, name in enumerate(header))


def csv_text(paths: Sequence[Path], layout: Layout, columns: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """The rows of files with the same columns, in parts: FILE, ROW, DAMAGE, DAMAGED and the columns, all text.

    Damage is null, `ragged_row` (another number of fields), `cut_row` (the file ends within it) or `wrong_encoding`.
    """
    plain = layout.encoding.lower().replace("_", "-") in ("utf-8", "utf-8-sig") and len(set(columns)) == len(columns)
    counted = {str(path): _separators(path, layout) for path in paths} if plain else {}
    separators = {path: count for path, count in counted.items() if count is not None}
    fast = [path for path in paths if str(path) in separators]
    slow = [path for path in paths if str(path) not in separators]
    for rows in _scanned(fast, layout, columns):
        if isinstance(rows, Path):
            slow.append(rows)
            continue
        differ = _read_otherwise(rows, separators, layout, columns)
        slow += [Path(path) for path in differ]
        yield rows.filter(~pl.col(FILE).is_in(differ))
    for path in slow:
        yield _tolerant(path, layout, columns)


def _separators(path: Path, layout: Layout) -> int | None:
    """How many separators a file holds; null when it is not UTF-8."""
    written = path.read_bytes()
    try:
        written.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return written.count(layout.separator.encode())


def _scanned(paths: Sequence[Path], layout: Layout, columns: tuple[str, ...]) -> Iterator[pl.DataFrame | Path]:
    """The rows of many files at once; where a file breaks that, of each half, down to the file, which comes back."""
    if not paths:
        return
    try:
        rows = pl.scan_csv(
            list(paths), has_header=layout.header is None, schema=dict.fromkeys(columns, pl.String),
            separator=layout.separator, empty_string_is_null=False, include_file_paths=FILE, glob=False,
        ).collect()  # fmt: skip
    except pl.exceptions.PolarsError:
        half = len(paths) // 2
        yield from (
            [paths[0]]
            if not half
            else [*_scanned(paths[:half], layout, columns), *_scanned(paths[half:], layout, columns)]
        )
        return
    yield rows.with_columns(
        pl.int_range(1, pl.len() + 1).over(FILE).alias(ROW),
        pl.lit(None, pl.String).alias(DAMAGE),
        pl.lit(None, pl.String).alias(DAMAGED),
    )


def _read_otherwise(
    rows: pl.DataFrame, separators: dict[str, int], layout: Layout, columns: tuple[str, ...]
) -> list[str]:
    """The files with short rows, which Polars fills up in silence.

    Between the fields of whole rows stand (columns - 1) separators each; all others are inside of fields. A file that
    has fewer has a short or an empty row.
    """
    n_between = len(columns) - 1
    inside = pl.sum_horizontal(pl.col(name).str.count_matches(layout.separator, literal=True) for name in columns)
    header = n_between + sum(name.count(layout.separator) for name in columns) if layout.header is None else 0
    counted = rows.group_by(FILE).agg((inside.sum() + pl.len() * n_between + header).alias("counted"))
    found = pl.col(FILE).replace_strict(separators, return_dtype=pl.Int64)
    return counted.filter(found != pl.col("counted"))[FILE].to_list()


def _tolerant(path: Path, layout: Layout, columns: tuple[str, ...]) -> pl.DataFrame:
    """The rows of a damaged CSV; empty lines are none."""
    written = path.read_bytes().decode(layout.encoding, errors="surrogateescape")
    records, last = _records(_without_bom(written), layout)
    damage = [_damage(record, len(columns)) for record in records]
    if records and _ends_within(last, records[-1], layout, len(columns)):
        damage[-1] = "cut_row"
    clean = [[field.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for field in row] for row in records]
    whole = [(*row[: len(columns)], *[None] * (len(columns) - len(row))) for row in clean]
    frame = pl.DataFrame(whole, schema=dict.fromkeys(columns, pl.String), orient="row")
    damaged = [
        json.dumps(row, ensure_ascii=False) if broken else None for row, broken in zip(clean, damage, strict=True)
    ]
    return placed(path, frame, damage, damaged)


def _records(written: str, layout: Layout) -> tuple[list[list[str]], str]:
    """The fields of every record below the header, and the last record as it is written."""
    lines = list(io.StringIO(written, newline=""))
    reader = csv.reader(lines, delimiter=layout.separator)
    limit = csv.field_size_limit(sys.maxsize)
    try:
        if layout.header is None:
            next(reader, None)
        records, start, end = [], 0, reader.line_num
        for record in reader:
            if record:
                records.append(record)
                start = end
            end = reader.line_num
    finally:
        csv.field_size_limit(limit)
    return records, "".join(lines[start:])


def _ends_within(last: str, record: list[str], layout: Layout, n_columns: int) -> bool:
    """Whether the file ends inside of a quoted field, or before the last record has all its fields."""
    try:
        list(csv.reader(io.StringIO(last, newline=""), delimiter=layout.separator, strict=True))
    except csv.Error as broken:
        return "unexpected end" in str(broken)
    return len(record) < n_columns and not last.endswith(("\n", "\r"))


def _damage(row: list[str], n_columns: int) -> str | None:
    if len(row) != n_columns:
        return "ragged_row"
    return "wrong_encoding" if _UNDECODED.search("".join(row)) else None


def placed(
    path: Path, frame: pl.DataFrame, damage: Sequence[str | None] = (), damaged: Sequence[str | None] = ()
) -> pl.DataFrame:
    """The rows of one file with FILE, ROW, DAMAGE and DAMAGED beside them."""
    return frame.with_columns(
        pl.lit(str(path)).alias(FILE),
        pl.int_range(1, pl.len() + 1).alias(ROW),
        pl.Series(DAMAGE, damage or [None] * frame.height, pl.String),
        pl.Series(DAMAGED, damaged or [None] * frame.height, pl.String),
    )


def _without_bom(written: str) -> str:
    return written.removeprefix("\ufeff")
