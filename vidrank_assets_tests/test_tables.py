import polars as pl
import pytest

from vidrank_assets.schema import INSTANT
from vidrank_assets.tables import HORIZON_TARGETS, METADATA_FEATURES, SPLIT_MANIFEST, TABLES

EVERY_TABLE = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


@EVERY_TABLE
def test_a_key_is_made_of_declared_columns_without_nulls(table):
    nullable = {column.name: column.nullable for column in table.columns}
    assert not any(nullable[name] for name in table.key)


@EVERY_TABLE
def test_every_column_has_a_name_of_its_own_and_a_meaning(table):
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert all(column.meaning for column in table.columns)


@EVERY_TABLE
def test_every_number_says_its_unit(table):
    assert [column.name for column in table.columns if column.dtype.is_numeric() and not column.unit] == []


@EVERY_TABLE
def test_every_moment_is_utc_to_the_microsecond(table):
    moments = [column for column in table.columns if column.dtype == pl.Datetime]
    assert all(column.dtype == INSTANT for column in moments)
    assert all(column.dtype == pl.Datetime for column in table.columns if column.name.endswith("_at"))


@EVERY_TABLE
def test_an_empty_table_passes_its_own_check(table):
    assert table.checked(table.empty()).is_empty()


@EVERY_TABLE
def test_the_catalog_of_tables_lists_a_table_under_its_name(table):
    assert TABLES[table.name] is table


def test_nothing_of_the_horizon_or_after_is_a_feature():
    outcomes = [column.name for column in METADATA_FEATURES.columns if column.known == "outcome"]
    assert outcomes == []
    features = set(HORIZON_TARGETS.named(["publish", "snapshot1"]))
    assert features == {"title", "category_id", "published_at", "video_age_hours_at_snapshot1"}


def test_there_are_at_least_twenty_two_tabular_features():
    assert len(METADATA_FEATURES.named(["publish", "snapshot1"])) >= 22


def test_the_split_manifest_has_the_columns_that_other_tools_read():
    assert SPLIT_MANIFEST.schema.names() == ["video_id", "split", "text_present", "target_log", "target_raw"]
