from datetime import UTC, datetime

import polars as pl

from vidrank_assets.assets.metadata import preview, schema_metadata, table_metadata
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


def test_rows_of_the_data_api_are_not_copied_into_the_event_log_and_the_others_are():
    frame = pl.DataFrame({"title": ["a", "b", "c"], "source": ["archive", "youtube_api", "archive"]})
    shown = preview(frame, rows=5)
    assert [record.data["title"] for record in shown["preview"].records] == ["a", "c"]
    assert shown["preview_left_out"].startswith("1 rows are, or are made of, API data")


def test_rows_made_of_api_data_are_left_out_whole_and_those_of_archives_shown_as_ever():
    frame = pl.DataFrame({"video_id": ["a"] * 20})
    assert preview(frame, of_api=True)["preview"].records == []
    assert preview(frame, of_api=False) == {"preview": table_metadata(frame)}
    assert preview(frame.clear(), of_api=True) == {"preview": table_metadata(frame.clear())}
