from vidrank_assets.tables import SNAPSHOTS, THUMBNAILS
from vidrank_assets.upkeep import places


def test_partitions_are_named_by_their_folders(planted):
    assert places.partitions(planted, "snapshots") == ["day=2026-01-20", "day=2026-03-01", "day=2026-03-28"]
    assert places.partitions(planted, "leaderboard") == []


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
