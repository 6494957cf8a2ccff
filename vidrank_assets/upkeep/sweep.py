"""The sweep: everything that the Data API said and that may be kept no longer goes, wherever it was copied to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from vidrank_assets.capture.remembered import THUMBNAIL_CHECKS, VIDEO_CATALOGUE
from vidrank_assets.features.embedding import titles
from vidrank_assets.storage import Storage
from vidrank_assets.tables import API, HORIZON_TARGETS, MEDIA_FILES, SNAPSHOTS, TABLES, THUMBNAILS
from vidrank_assets.upkeep import live_source, places, run_folders
from vidrank_assets.upkeep.changes import Changes, Replaced, Swept
from vidrank_assets.upkeep.retention import LABEL, NAMES_OF_CHANNELS, OF_TABLES, Limits, Readings, Retention, Rules
from vidrank_assets.upkeep.vectors import sweep_vectors

_CONTENT = ["video_id", "content_hash"]
_WHY = "the Data API's captures that the run learned from are older than its terms allow"


def sweep(store: Storage, retention: Retention, *, now: datetime, replaced: Replaced) -> Swept:
    """Remove every reading of the Data API that has expired at some instant, and everything that was made of it.

    What can be read anew is set to the newer reading. The same store at the same instant comes to the same end,
    whatever a killed sweep had done of it before. replaced: is told of each table and run folder that is another now.
    """
    changes = Changes(store, replaced)
    changes.finish_earlier()
    _sweep(changes, retention.limits(now), now)
    return changes.so_far()


def expired(store: Storage, retention: Retention, *, now: datetime) -> Swept:
    """What a sweep at that instant would do; nothing is done."""
    changes = Changes(store, lambda *_: None, dry=True)
    _sweep(changes, retention.limits(now), now)
    return changes.so_far()


def _sweep(changes: Changes, limits: Limits, now: datetime) -> None:
    """What was made of captures goes before them: they say what it was made of."""
    store = changes.store
    live_source.remove_old_files(changes, now=now)
    if not holds_api_data(store):
        return
    rules = Rules(limits, readings(store, limits))
    _strip_runs(changes, limits, rules.readings.own_videos, now)
    sweep_vectors(changes, _Living.of(store, rules))
    places.rewrite_derived(changes, rules.features, rules.horizon_targets)
    places.rewrite_captured(changes, lambda table, rows: OF_TABLES[table](rules, rows), places.CAPTURED)
    live_source.rewrite_remembered(changes, rules.video_catalogue, rules.thumbnail_checks)


def holds_api_data(store: Storage) -> bool:
    """Whether anything in the store is, or was, of the Data API."""
    if live_source.holds_api_data(store):
        return True
    sourced = [TABLES[name] for name in (*places.CAPTURED, "horizon_targets")]
    return any(API in rows["source"] for table in sourced for rows in places.columns_of(store, table, ["source"]))


def readings(store: Storage, limits: Limits) -> Readings:
    """What is known now."""
    catalogue = live_source.remembered(store, live_source.CATALOGUES, VIDEO_CATALOGUE)
    own = catalogue.filter(pl.col("channel_id").is_in(list(limits.own_channels)))["video_id"]
    channels = places.newest_channel_names(store).filter(pl.col("captured_at") >= limits.described)
    return Readings(
        catalogue=catalogue,
        checks=live_source.remembered(store, live_source.CHECKS, THUMBNAIL_CHECKS),
        channels=channels.select(NAMES_OF_CHANNELS),
        own_videos=places.videos_of(store, limits.own_channels) | set(own) if limits.own_channels else frozenset(),
        labels=_labels_of_api(store, limits),
    )


def _labels_of_api(store: Storage, limits: Limits) -> pl.DataFrame:
    """The expired labels of videos that the API did not see first, whose last capture is the API's."""
    expired_ones = [
        rows.filter(pl.col("source") != API, pl.col("label_known_at") < limits.counted).select(LABEL)
        for rows in places.columns_of(store, HORIZON_TARGETS, [*LABEL, "source"])
    ]
    wanted = pl.concat([HORIZON_TARGETS.empty().select(LABEL), *expired_ones]).unique()
    if wanted.is_empty():
        return wanted
    of_api = [
        rows.filter(source=API).select("video_id", label_known_at="captured_at").join(wanted, on=LABEL, how="semi")
        for rows in places.columns_of(store, SNAPSHOTS, ["video_id", "captured_at", "source"])
    ]
    return pl.concat([wanted.clear(), *of_api])


def _strip_runs(changes: Changes, limits: Limits, own_videos: frozenset[str], now: datetime) -> None:
    for folder, sums in run_folders.folders(changes.store):
        oldest = run_folders.oldest_capture(changes.store, folder)
        if oldest and oldest < limits.described and not run_folders.is_only_of(changes.store, folder, sums, own_videos):
            run_folders.strip(changes, folder, sums, now=now, why=_WHY)
        run_folders.remove_unlisted(changes, folder, sums)


@dataclass(frozen=True)
class _Living:
    """Which vectors stay. kept: `modality`, `video_id` and `content_hash` of titles and pictures that have not expired.

    videos: the ids of the videos of these, and of the owner's films.
    """

    kept: pl.DataFrame
    videos: frozenset[str]

    @classmethod
    def of(cls, store: Storage, rules: Rules) -> "_Living":
        named = [pl.DataFrame(schema=dict.fromkeys(("modality", *_CONTENT), pl.String))]
        films = [rows["video_id"] for rows in places.columns_of(store, MEDIA_FILES, ["video_id"])]
        for rows in places.columns_of(store, THUMBNAILS, [*_CONTENT, "captured_at", "source"]):
            named.append(rules.thumbnails(rows).rows.select(pl.lit("image").alias("modality"), *_CONTENT))
        columns = ["video_id", "captured_at", "title", "channel_id", "source"]
        for rows in places.columns_of(store, SNAPSHOTS, columns):
            left = titles(rules.snapshots(rows).rows.lazy()).collect()
            named.append(left.select(pl.lit("text").alias("modality"), *_CONTENT))
        kept = pl.concat(named).unique()
        return cls(kept, frozenset(kept["video_id"]).union(*films))

    def vectors(self, manifest: pl.DataFrame) -> pl.DataFrame:
        rows = manifest.join(
            self.kept.with_columns(_kept=pl.lit(True)), on=self.kept.columns, how="left", maintain_order="left"
        )
        return rows.filter(pl.col("_kept").is_not_null() | ~pl.col("modality").is_in(["text", "image"])).drop("_kept")

    def fused(self, manifest: pl.DataFrame) -> pl.DataFrame:
        return manifest

    def unlisted(self, video_ids: Sequence[str], lost: frozenset[str]) -> bool:
        return self.videos.issuperset(video_ids) and lost.isdisjoint(video_ids)
