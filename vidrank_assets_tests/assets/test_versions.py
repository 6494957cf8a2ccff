from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from vidrank_assets.assets.io_managers import Tables
from vidrank_assets.assets.partitions import by_day
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.versions import video_versions
from vidrank_assets.tables import SNAPSHOTS, THUMBNAILS, VIDEO_VERSIONS

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAYS = ["2026-01-05", "2026-01-06", "2026-01-07"]
#: The titles that the captures of each day show, and the pictures that were new.
TITLES = {DAYS[0]: {"a": "Cats", "b": "Tea"}, DAYS[1]: {"a": "Cats!", "b": "Tea"}, DAYS[2]: {"a": "Cats", "c": "Sea"}}
PICTURES = {DAYS[0]: {"a": "h1"}, DAYS[1]: {"a": "h2", "b": "h1"}, DAYS[2]: {}}


def captured(days, shown, column, table, **constant):
    tables = {}
    for day in days:
        moment = START + timedelta(days=DAYS.index(day))
        rows = [
            {"video_id": video, "captured_at": moment, column: content, "source": "test"} | constant
            for video, content in shown[day].items()
        ]
        tables[day] = pl.DataFrame(rows, schema=table.schema)
    return tables


@dg.asset(io_manager_key="tables", partitions_def=by_day, backfill_policy=dg.BackfillPolicy.single_run())
def snapshots(context: dg.AssetExecutionContext):
    return captured(context.partition_keys, TITLES, "title", SNAPSHOTS, published_at=START)


@dg.asset(io_manager_key="tables", partitions_def=by_day, backfill_policy=dg.BackfillPolicy.single_run())
def thumbnails(context: dg.AssetExecutionContext):
    return captured(context.partition_keys, PICTURES, "content_hash", THUMBNAILS, image=b"picture")


@pytest.fixture
def made(tmp_path):
    """Materializes some days; gives each stored day's rows as (video, part, version), and the metadata by day."""
    store = FolderStore(root=str(tmp_path / "store"))
    instance = dg.DagsterInstance.ephemeral()

    def run(first, last, *assets):
        result = dg.materialize(
            [snapshots, thumbnails, video_versions],
            selection=list(assets or (video_versions,)),
            resources={"store": store, "tables": Tables(store=store)},
            instance=instance,
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
        )
        shown = result.asset_materializations_for_node("video_versions")
        run.metadata = {event.partition: {k: v.value for k, v in event.metadata.items()} for event in shown}
        tables = [store.open().read_table(key) for key in store.open().keys("video_versions")]
        assert all(VIDEO_VERSIONS.checked(table).equals(table) for table in tables)
        return [[row[:2] + row[3:4] for row in table.rows()] for table in tables]

    run.store = store
    yield run
    instance.dispose()


ALL = [
    [("a", "thumbnail", 1), ("a", "title", 1), ("b", "title", 1)],
    [("a", "thumbnail", 2), ("a", "title", 2), ("b", "thumbnail", 1)],
    [("a", "title", 3), ("c", "title", 1)],
]


def test_each_day_has_what_was_new_on_it_and_says_how_much(made):
    made(DAYS[0], DAYS[2], snapshots, thumbnails)
    assert made(DAYS[0], DAYS[2]) == ALL
    figures = ("titles_changed", "thumbnails_changed", "new_videos")
    assert [[made.metadata[day][name] for name in figures] for day in DAYS] == [[0, 0, 2], [1, 1, 0], [1, 0, 1]]


def test_one_day_after_the_other_gives_what_all_together_give(made):
    made(DAYS[0], DAYS[2], snapshots, thumbnails)
    assert [made(day, day) for day in DAYS][-1] == ALL


def test_a_day_that_is_made_again_has_the_same_rows(made):
    made(DAYS[0], DAYS[2], snapshots, thumbnails)
    made(DAYS[0], DAYS[2])
    before = [made.store.open().read(key) for key in made.store.open().keys("video_versions")]
    made(DAYS[1], DAYS[1])
    made(DAYS[0], DAYS[1])
    assert [made.store.open().read(key) for key in made.store.open().keys("video_versions")] == before


def test_days_without_pictures_have_versions_of_titles(made):
    made(DAYS[0], DAYS[2], snapshots)
    assert made(DAYS[0], DAYS[2])[0] == [("a", "title", 1), ("b", "title", 1)]
