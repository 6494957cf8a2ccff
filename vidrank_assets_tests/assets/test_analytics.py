import dagster as dg
import pytest

from vidrank_assets.assets.analytics import imported_analytics
from vidrank_assets.assets.io_managers import Tables
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.pair_tables import REJECTED_ANALYTICS, VIDEO_ANALYTICS

A, B = "aaaaaaaaaaa", "bbbbbbbbbbb"
STORED = "video_analytics/data.parquet"


@pytest.fixture
def store(tmp_path):
    return FolderStore(root=str(tmp_path / "store"))


@pytest.fixture
def imported(store, tmp_path):
    """Imports a file of some rows into the store, or what is there again."""

    def importing(*rows, raising=True):
        file = tmp_path / "clicks.csv"
        file.write_text("\n".join(["video_id,impressions,ctr", *rows]))
        config = {"file": str(file)} if rows else {}
        return dg.materialize(
            [imported_analytics],
            resources={"store": store, "tables": Tables(store=store)},
            run_config={"ops": {"imported_analytics": {"config": config}}},
            raise_on_error=raising,
        )

    return importing


def told(result, name):
    (event,) = result.asset_materializations_for_node("imported_analytics")[:1]
    return event.metadata[name].value


def test_an_import_is_added_to_the_earlier_ones_and_the_newest_of_a_video_counts(store, imported):
    first = imported(f"{A},100,0.1", f"{B},100,0.2", "x,1,0.5", f"{B},100,0.2")
    second = imported(f"{B},400,0.3", "y,1,0.5")
    table = VIDEO_ANALYTICS.checked(store.open().read_table(STORED))
    assert table.rows() == [(A, 100, 0.1), (B, 400, 0.3)]
    rejected = REJECTED_ANALYTICS.checked(store.open().read_table("rejected_analytics/data.parquet"))
    assert set(rejected["video_id"]) == {"x", "y"}
    assert [told(first, name) for name in ("videos_imported", "videos_new", "rows_set_aside")] == [2, 2, 1]
    assert [told(second, name) for name in ("videos_imported", "videos_new", "rows_set_aside")] == [1, 0, 1]
    assert told(second, "set_aside_for") == "1 invalid_video_id"


def test_the_same_file_twice_and_no_file_leave_the_same_bytes(store, imported):
    imported(f"{A},100,0.1", "x,1,0.5")
    once = [store.open().read(key) for key in (STORED, "rejected_analytics/data.parquet")]
    for rows in ((f"{A},100,0.1", "x,1,0.5"), ()):
        imported(*rows)
        assert [store.open().read(key) for key in (STORED, "rejected_analytics/data.parquet")] == once


def test_a_file_that_cannot_be_used_leaves_what_is_there(store, imported):
    imported(f"{A},100,0.1")
    once = store.open().read(STORED)
    failed = imported(f"{A},100,7", raising=False)
    assert not failed.success
    assert store.open().read(STORED) == once


def test_without_any_import_the_table_is_empty(store, imported):
    assert imported().success
    assert store.open().read_table(STORED).equals(VIDEO_ANALYTICS.empty())


def test_no_row_of_the_owner_is_in_the_event_log(imported):
    result = imported(f"{A},100,0.1", "x1y2z3,1,0.5")
    logged = "\n".join(str(event) for event in result.all_events)
    assert A not in logged
    assert "x1y2z3" not in logged
