"""Files of an archive as tables of text, row by row as they are written, the damaged rows marked."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from vidrank_assets.capture.archive_csv import FILE, ROW, csv_header, csv_text, placed
from vidrank_assets.capture.mapping import Layout
from vidrank_assets.errors import InvalidInput


def matching(folder: Path, globs: Sequence[str]) -> list[Path]:
    """The files of a folder that match any of the patterns, sorted."""
    return sorted({path for glob in globs for path in folder.glob(glob) if path.is_file()})


def column_names(path: Path, layout: Layout) -> tuple[str, ...]:
    """The columns of a file: of its mapping where it has no header, else of its first line, schema or objects."""
    if layout.header is not None:
        return layout.header
    if layout.format == "csv":
        return csv_header(path, layout)
    if layout.format == "jsonl":
        return tuple(dict.fromkeys(name for row in _objects(path) if row is not None for name in row))
    try:
        return tuple(pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema())
    except pl.exceptions.PolarsError as broken:
        reason = str(broken).splitlines()[0]
        raise InvalidInput(f"{path} must be a Parquet file; found: {reason}. Take it out of the folder.") from None


def rows_of(paths: Sequence[Path], layout: Layout, columns: tuple[str, ...], folder: Path) -> pl.DataFrame:
    """All rows of files with the same columns, sorted: FILE (below the folder), ROW, DAMAGE, DAMAGED and the columns.

    Columns are text; lists of a Parquet file stay lists. Damage of a CSV as in `csv_text`; of a JSON-lines file,
    `unreadable_line` where a line is no object.
    """
    if layout.format == "csv":
        parts = list(csv_text(paths, layout, columns))
    else:
        read = _parquet_text if layout.format == "parquet" else _jsonl_text
        parts = [read(path, columns) for path in paths]
    below = {str(path): path.relative_to(folder).as_posix() for path in paths}
    rows = pl.concat(parts, how="diagonal_relaxed").with_columns(
        pl.col(FILE).replace_strict(below, return_dtype=pl.String)
    )
    return rows.sort(FILE, ROW)


def _parquet_text(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    rows = pl.scan_parquet(path, glob=False, hive_partitioning=False).select(columns).collect()
    return placed(path, rows.select(_as_text(name, dtype) for name, dtype in rows.schema.items()))


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A typed column as a CSV would hold it; only a list of texts stays one, and other nests are written as JSON."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    if dtype == pl.List(pl.String):
        return column
    return (
        pl.struct(name).struct.json_encode().alias(name) if dtype.is_nested() else column.cast(pl.String, strict=False)
    )


def _objects(path: Path) -> list[dict[str, object] | None]:
    """The object of every line that is not empty; null where there is none."""
    found: list[dict[str, object] | None] = []
    for line in path.read_bytes().split(b"\n"):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        found.append(value if isinstance(value, dict) else None)
    return found


def _jsonl_text(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """The rows of a JSON-lines file; a column of lists stays one, another value that is no text is written as JSON."""
    objects = _objects(path)
    written = [line.decode("utf-8", "replace") for line in path.read_bytes().split(b"\n") if line.strip()]
    values = {name: [(row or {}).get(name) for row in objects] for name in columns}
    damage = ["unreadable_line" if row is None else None for row in objects]
    damaged = [
        json.dumps(line, ensure_ascii=False) if row is None else None
        for line, row in zip(written, objects, strict=True)
    ]
    return placed(path, pl.DataFrame([_text_series(name, column) for name, column in values.items()]), damage, damaged)


def _text_series(name: str, values: Sequence[object]) -> pl.Series:
    if any(isinstance(value, list) for value in values) and all(isinstance(v, list | None) for v in values):
        lists = [[_scalar(each) for each in value] if isinstance(value, list) else None for value in values]
        return pl.Series(name, lists, pl.List(pl.String))
    return pl.Series(name, [_scalar(value) for value in values], pl.String)


def _scalar(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
