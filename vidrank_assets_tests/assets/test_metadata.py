from datetime import UTC, datetime

import polars as pl

from vidrank_assets.assets.metadata import schema_metadata, table_metadata
from vidrank_assets.tables import SNAPSHOTS


def test_the_declared_columns_are_shown_with_meaning_and_moment():
    columns = {column.name: column for column in schema_metadata(SNAPSHOTS)["dagster/column_schema"].columns}
    assert columns["view_count"].description == "views so far; null when hidden (count)"
    assert columns["duration_sec"].description == "length; null for a live stream (seconds); known at publish"
    assert not columns["video_id"].constraints.nullable


def test_a_preview_is_short_and_readable():
    frame = pl.DataFrame(
        {
            "image": [b"12345"] * 40,
            "tags": [["a", "b"]] * 40,
            "captured_at": [datetime(2026, 1, 5, 12, tzinfo=UTC)] * 40,
            "share": [1 / 3] * 40,
        }
    )
    records = table_metadata(frame).records
    assert len(records) == 10
    assert records[0].data == {
        "image": "5 bytes",
        "tags": "a, b",
        "captured_at": "2026-01-05 12:00:00",
        "share": 0.3333,
    }
