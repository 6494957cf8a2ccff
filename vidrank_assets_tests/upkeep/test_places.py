from vidrank_assets.tables import SNAPSHOTS, TABLES, THUMBNAILS
from vidrank_assets.upkeep import places
from vidrank_assets.upkeep.retention import video_columns


def test_partitions_are_named_by_their_folders(planted):
    assert places.partitions(planted, "snapshots") == ["day=2026-01-20", "day=2026-03-01", "day=2026-03-28"]
    assert places.partitions(planted, "leaderboard") == []


def test_a_table_without_partitions_lies_in_its_own_folder(planted, there):
    assert places.partitions(planted, "video_analytics") == [""]
    assert places.read(planted, "video_analytics", "")["video_id"].to_list() == [there.MINE, there.FROM_ARCHIVE]


def test_every_table_of_rows_of_videos_is_in_one_of_the_places():
    """What an upkeep does not know of it leaves behind: whoever adds a table says here where it lies."""
    named = {*places.CAPTURED, *places.OWNED, *places.DERIVED, "horizon_targets"}
    of_videos = {name for name, table in TABLES.items() if video_columns(table.empty())}
    assert of_videos - named == {"embedding_manifest", "fused_manifest"}  # these have rules of their own, in vectors.py


def test_some_columns_are_read_partition_by_partition(planted):
    parts = list(places.columns_of(planted, SNAPSHOTS, ["video_id"]))
    assert [part.height for part in parts] == [1, 4, 1] and {part.width for part in parts} == {1}
    assert "image" not in next(places.columns_of(planted, THUMBNAILS, ["video_id"])).columns


def test_the_videos_of_channels_are_those_that_captures_and_labels_name(planted, there):
    assert places.videos_of(planted, [there.OTHER]) == {there.OLD, there.SEEN_AGAIN}
    (planted.root / "snapshots/day=2026-03-01/data.parquet").unlink()
    assert places.videos_of(planted, [there.OTHER]) == {there.OLD, there.SEEN_AGAIN}


def test_the_newest_reading_of_a_channel_counts(planted, there):
    later = there.table(
        "channel_snapshots", channel_id=[there.OTHER], captured_at=[there.LATER], channel_title=["renamed"]
    )
    planted.write_table("channel_snapshots/day=2026-03-28/data.parquet", later)
    names = dict(places.newest_channel_names(planted).select("channel_id", "channel_title").iter_rows())
    assert names == {
        there.OTHER: "renamed",
        there.OWN: f"name of {there.OWN}",
        there.ARCHIVED: f"name of {there.ARCHIVED}",
    }
