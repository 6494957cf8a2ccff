from datetime import UTC, datetime

import polars as pl
import pytest

from vidrank_assets.errors import InvalidTable
from vidrank_assets.schema import INSTANT, Table, flag, instant, number, text, whole

READINGS = Table(
    "readings",
    ("name", "at"),
    (
        text("name", "who", nullable=False),
        instant("at", "when", nullable=False),
        whole("views", "how many", known="snapshot1"),
        number("share", "of all", "share", known="publish"),
        flag("falls", "went down"),
    ),
)


def readings(**changed):
    columns = {"name": ["a", "b"], "at": [datetime(2026, 1, 1, tzinfo=UTC)] * 2, "views": [1, None]}
    frame = pl.DataFrame(columns | {"share": [0.5, None], "falls": [True, False]} | changed)
    return frame.with_columns(pl.col("at").cast(INSTANT))


def test_a_checked_table_has_the_declared_columns_in_the_declared_order_and_no_others():
    shuffled = readings(extra=[1, 2]).select("extra", "falls", "share", "views", "at", "name")
    assert READINGS.checked(shuffled).equals(readings())


def test_an_empty_table_has_the_declared_types_and_passes_the_check():
    assert READINGS.checked(READINGS.empty()).schema == READINGS.schema
    assert READINGS.schema["at"] == pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (readings().drop("views"), "views"),
        (readings(views=["1", "2"]), "views"),
        (readings(name=["a", None]), "name"),
        (readings(falls=[True, None]), "falls"),
        (readings(name=["a", "a"]), "name"),
        (readings().with_columns(pl.col("at").dt.replace_time_zone(None)), "at"),
    ],
    ids=["missing column", "other type", "null in the key", "null in a flag", "repeated key", "no time zone"],
)
def test_a_table_that_breaks_its_declaration_is_refused_with_its_name_and_the_column(broken, named):
    with pytest.raises(InvalidTable, match=rf"readings must have the columns and the key \(name, at\).*{named}"):
        READINGS.checked(broken)


def test_a_null_where_a_value_may_be_unknown_is_accepted():
    assert READINGS.checked(readings(views=[None, None]).with_columns(pl.col("views").cast(pl.Int64))).height == 2


def test_columns_are_found_by_the_moment_at_which_they_are_known():
    assert READINGS.named(["publish", "snapshot1"]) == ["views", "share"]
    assert READINGS.named(["outcome"]) == ["falls"]
    assert READINGS.named(["identity"]) == ["name", "at"]
