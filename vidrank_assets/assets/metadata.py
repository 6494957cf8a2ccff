"""What an asset shows of itself in the UI."""

from base64 import b64encode
from typing import Any

import dagster as dg
import polars as pl

from vidrank_assets.schema import Column, Table
from vidrank_assets.tables import API

OWNER = "team:vidrank"
_NOT_LOGGED = "YouTube's terms limit how long it is kept, and nothing is ever removed from this log. Read the table."


def schema_metadata(table: Table) -> dict[str, Any]:
    """The declared columns, for the asset's definition."""
    return {"dagster/column_schema": dg.TableSchema(columns=[_column(column) for column in table.columns])}


def _column(column: Column) -> dg.TableColumn:
    unit = f" ({column.unit})" if column.unit else ""
    known = f"; known at {column.known}" if column.known in ("publish", "snapshot1") else ""
    return dg.TableColumn(
        column.name,
        str(column.dtype),
        description=f"{column.meaning}{unit}{known}",
        constraints=dg.TableColumnConstraints(nullable=column.nullable),
    )


def table_metadata(frame: pl.DataFrame, *, rows: int = 10) -> dg.TableMetadataValue:
    """The first rows as a table a person can read: no bytes, lists as text, times to the second."""
    shown = frame.head(rows).select(_readable(name, dtype) for name, dtype in frame.schema.items())
    return dg.MetadataValue.table(
        records=[dg.TableRecord(row) for row in shown.iter_rows(named=True)],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, str(dtype)) for name, dtype in frame.schema.items()]),
    )


def preview(frame: pl.DataFrame, *, rows: int = 10, of_api: bool | None = None) -> dict[str, Any]:
    """The first rows as `preview`; where captures of the Data API are concerned, why there are none of them.

    The event log is a copy that nobody can remove rows from, and YouTube's terms let API data be kept for 30 days.
    of_api: whether the rows are, or are made of, API data; None where their column `source` says it row by row.
    """
    shown = frame.filter(pl.col("source") != API) if of_api is None else frame.clear() if of_api else frame
    told: dict[str, Any] = {"preview": table_metadata(shown, rows=rows)}
    if shown.height < frame.height:
        told["preview_left_out"] = f"{frame.height - shown.height} rows are, or are made of, API data: {_NOT_LOGGED}"
    return told


def picture_metadata(png: bytes) -> dg.MarkdownMetadataValue:
    """A picture that the UI shows in the place of its name."""
    return dg.MetadataValue.md(f"![chart](data:image/png;base64,{b64encode(png).decode()})")


def _readable(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.Binary:
        return pl.format("{} bytes", column.bin.size()).alias(name)
    if isinstance(dtype, pl.List):
        return column.cast(pl.List(pl.String)).list.join(", ")
    if dtype.is_temporal():
        return column.dt.to_string("%Y-%m-%d %H:%M:%S" if isinstance(dtype, pl.Datetime) else "%Y-%m-%d")
    return column.round(4) if dtype.is_float() else column
