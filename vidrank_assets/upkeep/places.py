"""Where rows of videos lie in the store, and rules applied to all partitions of them."""

from collections.abc import Callable, Iterator, Sequence

import polars as pl

from vidrank_assets.schema import Table
from vidrank_assets.storage import Storage
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, HORIZON_TARGETS, SNAPSHOTS
from vidrank_assets.upkeep.changes import Changes, key_of
from vidrank_assets.upkeep.retention import Outcome

#: The daily tables; the snapshots, which say which video is of which channel and source, last.
BESIDE_SNAPSHOTS = ("rejected_captures", "thumbnail_scores", "thumbnails", "video_versions", "channel_snapshots")
CAPTURED = (*BESIDE_SNAPSHOTS, SNAPSHOTS.name)
#: The owner's own, which no Data API said: a sweep leaves it.
OWNED = ("media_files", "video_analytics", "rejected_analytics")
#: What is made of `horizon_targets`, horizon by horizon.
DERIVED = ("paired_features", "training_pairs", "ranking_targets", "metadata_features", "split_manifest")


def partitions(store: Storage, table: str) -> list[str]:
    """The folders of the partitions of a table that are there; an empty one where it has no partitions."""
    file = key_of("", "")
    return [key.removeprefix(table).removesuffix(file).strip("/") for key in store.keys(table, suffix=f"/{file}")]


def read(store: Storage, table: str, partition: str) -> pl.DataFrame:
    """One partition."""
    return store.read_table(key_of(table, partition))


def columns_of(store: Storage, table: Table, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Some columns of each partition in turn; the others are not read."""
    for partition in partitions(store, table.name):
        yield store.scan_tables({key_of(table.name, partition): None}).select(columns).collect()


def rewrite_captured(changes: Changes, rule: Callable[[str, pl.DataFrame], Outcome], tables: Sequence[str]) -> None:
    """Apply a rule, by the name of the table, to every partition of some tables."""
    for table in tables:
        for partition in partitions(changes.store, table):
            changes.table(table, partition, rule(table, read(changes.store, table, partition)))


def rewrite_derived(
    changes: Changes,
    derived: Callable[[pl.DataFrame, pl.DataFrame], Outcome],
    targets: Callable[[pl.DataFrame], Outcome],
) -> None:
    """Apply a rule to the targets of every horizon, and one before it to what is made of them: it takes both."""
    name = HORIZON_TARGETS.name
    for partition in partitions(changes.store, name):
        labels = read(changes.store, name, partition)
        for table in DERIVED:
            if changes.store.exists(key_of(table, partition)):
                changes.table(table, partition, derived(read(changes.store, table, partition), labels))
        changes.table(name, partition, targets(labels))


def videos_of(store: Storage, channels: Sequence[str]) -> frozenset[str]:
    """The ids of all videos of some channels that the captures or the labels name."""
    of_channels = pl.col("channel_id").is_in(list(channels))
    found: set[str] = set()
    for table in (SNAPSHOTS, HORIZON_TARGETS):
        for rows in columns_of(store, table, ["video_id", "channel_id"]):
            found |= set(rows.filter(of_channels)["video_id"])
    return frozenset(found)


def newest_channel_names(store: Storage) -> pl.DataFrame:
    """The newest reading of each channel of `tables.CHANNEL_SNAPSHOTS`."""
    names = ["channel_id", "captured_at", "channel_title", "channel_country"]
    parts = [
        rows.sort("captured_at").unique("channel_id", keep="last", maintain_order=True)
        for rows in columns_of(store, CHANNEL_SNAPSHOTS, names)
    ]
    rows = pl.concat([CHANNEL_SNAPSHOTS.empty().select(names), *parts])
    return rows.sort("captured_at").unique("channel_id", keep="last", maintain_order=True)
