"""How a table is declared, and how a frame is checked against the declaration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from vidrank_assets.errors import InvalidTable

#: When the value of a column is known. `publish`: when the video goes online. `snapshot1`: at its first capture.
#: `outcome`: only afterwards, so never a feature. `identity`: names the row and carries no signal a model may use.
Known = Literal["publish", "snapshot1", "outcome", "identity"]

INSTANT = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Column:
    """One column of a table. A column whose meaning allows it may be null; null is "not known", never zero."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    unit: str = ""
    known: Known = "identity"
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """The declared schema of one table, and the columns that together occur once."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pl.Schema:
        """Column names and types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def empty(self) -> pl.DataFrame:
        """The table without rows."""
        return self.schema.to_frame()

    def named(self, known: Sequence[Known]) -> list[str]:
        """The columns known at one of those moments, in order."""
        return [column.name for column in self.columns if column.known in known]

    def checked(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The declared columns in their declared order.

        Raises InvalidTable: a column is missing, has another type, or holds nulls where it may not; or a key repeats.
        """
        import pandera.polars as pa  # a second to import
        from pandera.errors import SchemaErrors

        declared = pa.DataFrameSchema(
            {column.name: pa.Column(column.dtype, nullable=column.nullable) for column in self.columns},
            unique=list(self.key),
            strict="filter",
        )
        try:
            checked = declared.validate(frame, lazy=True)
        except SchemaErrors as broken:
            raise InvalidTable(self._sentence(broken.failure_cases)) from None
        return checked.select(self.schema.names())

    def _sentence(self, failures: pl.DataFrame) -> str:
        # Without a column, the case is the missing column's name or the values of the repeated key.
        where = pl.coalesce("column", pl.col("failure_case").cast(pl.String), pl.lit("key"))
        found = failures.select(pl.format("{}: {}", where, pl.col("check"))).to_series().unique().sort()
        return (
            f"{self.name} must have the columns and the key ({', '.join(self.key)}) that tables.py declares; "
            f"found {'; '.join(found.head(5))}. Correct the rows, or the mapping that made them."
        )


def text(name: str, meaning: str, known: Known = "identity", *, nullable: bool = True) -> Column:
    """A column of strings."""
    return Column(name, pl.String, meaning, known=known, nullable=nullable)


def instant(name: str, meaning: str, known: Known = "identity", *, nullable: bool = True) -> Column:
    """A column of UTC instants."""
    return Column(name, INSTANT, meaning, "UTC", known, nullable)


def whole(name: str, meaning: str, unit: str = "count", known: Known = "outcome", *, nullable: bool = True) -> Column:
    """A column of whole numbers."""
    return Column(name, pl.Int64, meaning, unit, known, nullable)


def number(name: str, meaning: str, unit: str, known: Known = "outcome") -> Column:
    """A column of real numbers."""
    return Column(name, pl.Float64, meaning, unit, known)


def flag(name: str, meaning: str, known: Known = "outcome", *, nullable: bool = False) -> Column:
    """A column of true and false."""
    return Column(name, pl.Boolean, meaning, "true or false", known, nullable)
