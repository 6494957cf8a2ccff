"""How long what the YouTube Data API said may be kept: the rules, one a table, that know no store.

YouTube's developer policies (III.E.4) allow 30 calendar days, after which API data is deleted or read again. Data of
one's own channels may be kept while they authorize it, and the counters of others longer where an audit has accepted
the use. Captures of archives and of the sample are no API data: no rule touches them.

A day's readings are kept on the 29 days after it, so that a daily sweep never leaves them for more than 30 days.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

import polars as pl

from vidrank_assets import settings
from vidrank_assets.capture.remembered import THUMBNAIL_CHECKS, VIDEO_CATALOGUE
from vidrank_assets.tables import API, CHANNEL_SNAPSHOTS, HORIZON_TARGETS

#: Calendar days that API data is kept.
DAYS = 30

#: What describes a video, by the column of the catalogue that says when it was last read.
DESCRIPTIONS: Mapping[str, tuple[str, ...]] = {
    "described_at": ("title", "description", "thumbnail_url", "channel_title"),
    "metadata_at": ("tags", "category_id", "default_language", "default_audio_language"),
}
#: Of a video that is gone, `metadata_at` says when that was found, and nothing was read then.
_METADATA_READ_AT = (
    pl.when(pl.col("gone_at").is_null()).then("metadata_at").otherwise(pl.min_horizontal("metadata_at", "described_at"))
).alias("metadata_at")
_OF_CHANNELS = ("channel_title", "channel_country")
LABEL = ("video_id", "label_known_at")
NAMES_OF_CHANNELS = ("channel_id", *_OF_CHANNELS)


@dataclass(frozen=True)
class Retention:
    """Which of YouTube's terms hold here.

    mode: `default`, `own_channel` or `audited`. own_channels: ids of the channels that authorized this, which
    `own_channel` keeps. audited_days: how long the audit allows counters to be kept, for `audited`.
    """

    mode: settings.Retention = "default"
    own_channels: tuple[str, ...] = ()
    audited_days: int = 365

    def limits(self, now: datetime) -> "Limits":
        """What is still kept at some instant."""
        described = _midnight(now, DAYS)
        return Limits(
            described=described,
            counted=_midnight(now, self.audited_days) if self.mode == "audited" else described,
            own_channels=self.own_channels if self.mode == "own_channel" else (),
        )


@dataclass(frozen=True)
class Limits:
    """What was read before these instants has expired: descriptions and pictures, and counters with their ids.

    own_channels: ids of the channels whose readings never expire.
    """

    described: datetime
    counted: datetime
    own_channels: Sequence[str] = ()


@dataclass(frozen=True)
class Readings:
    """What is known now, by which older readings are refreshed.

    catalogue: `remembered.VIDEO_CATALOGUE`. checks: `remembered.THUMBNAIL_CHECKS`.
    channels: `channel_id`, `channel_title` and `channel_country` of each channel's newest reading that has not expired.
    own_videos: ids of the videos of one's own channels.
    labels: `video_id` and `label_known_at` of labels whose last capture is of the API, though the first was not.
    """

    catalogue: pl.DataFrame = field(default_factory=VIDEO_CATALOGUE.empty)
    checks: pl.DataFrame = field(default_factory=THUMBNAIL_CHECKS.empty)
    channels: pl.DataFrame = field(default_factory=lambda: CHANNEL_SNAPSHOTS.empty().select(NAMES_OF_CHANNELS))
    own_videos: frozenset[str] = frozenset()
    labels: pl.DataFrame = field(default_factory=lambda: HORIZON_TARGETS.empty().select(LABEL))

    @cached_property
    def described(self) -> pl.DataFrame:
        """The catalogue's descriptions and when they were read, by `video_id`, each name with `_now` after it."""
        names = [name for at, columns in DESCRIPTIONS.items() for name in (at, *columns)]
        return self.catalogue.with_columns(_METADATA_READ_AT).select("video_id", pl.col(names).name.suffix("_now"))


class Outcome(NamedTuple):
    """What is left of a table. removed: rows that went; refreshed: rows that were described anew, or no more."""

    rows: pl.DataFrame
    removed: int
    refreshed: int = 0


@dataclass(frozen=True)
class Rules:
    """The rules at some instant; each takes the rows of one table and keeps their order."""

    limits: Limits
    readings: Readings = field(default_factory=Readings)

    def snapshots(self, rows: pl.DataFrame) -> Outcome:
        """Counters go with their own limit; what describes the video is read anew or goes with the shorter one."""
        is_api = _is_api() & ~_among("channel_id", self.limits.own_channels)
        kept = rows.filter(~(is_api & (pl.col("captured_at") < self.limits.counted)))
        return self._described_anew(kept, is_api, "captured_at", removed=rows.height - kept.height)

    def channel_snapshots(self, rows: pl.DataFrame) -> Outcome:
        """As the snapshots of videos."""
        is_api = _is_api() & ~_among("channel_id", self.limits.own_channels)
        kept = rows.filter(~(is_api & (pl.col("captured_at") < self.limits.counted)))
        expired = is_api & (pl.col("captured_at") < self.limits.described)
        now = self.readings.channels.select("channel_id", pl.col(_OF_CHANNELS).name.suffix("_now"))
        known = kept.join(now, on="channel_id", how="left", maintain_order="left")
        anew = known.with_columns(
            pl.when(expired).then(pl.col(f"{name}_now")).otherwise(pl.col(name)).alias(name) for name in _OF_CHANNELS
        ).select(rows.columns)
        return Outcome(anew, rows.height - kept.height, _n_changed(kept, anew, _OF_CHANNELS))

    def rejected_captures(self, rows: pl.DataFrame) -> Outcome:
        """Rows that were set aside are raw: they follow the shorter limit."""
        expired = pl.col("day") < self.limits.described.date()
        return self._without(rows, self._is_api_of_others() & expired.fill_null(True))

    def thumbnails(self, rows: pl.DataFrame) -> Outcome:
        """A picture stays, with the scores made of it, while the image host says that it is still the video's."""
        expired = pl.col("captured_at") < self.limits.described
        return self._without(rows, self._is_api_of_others() & expired & ~self._is_there_now())

    def video_versions(self, rows: pl.DataFrame) -> Outcome:
        """A version stays while the catalogue or the image host says that it is still the video's."""
        now = self.readings.catalogue.filter(pl.col("described_at") >= self.limits.described)
        titled = pl.struct("video_id", "title").is_in(now.select(pl.struct("video_id", "title")).to_series().implode())
        confirmed = pl.when(part="title").then(titled & pl.col("title").is_not_null()).otherwise(self._is_there_now())
        return self._without(rows, self._is_api_of_others() & (pl.col("seen_at") < self.limits.described) & ~confirmed)

    def horizon_targets(self, rows: pl.DataFrame) -> Outcome:
        """A label is as old as the first capture that it was made from; its title is that capture's.

        Where an archive saw the video first and the API last, it is as old as the last.
        """
        others = ~_among("channel_id", self.limits.own_channels)
        is_api = _is_api() & others
        by_first = is_api & (pl.col("first_captured_at") < self.limits.counted)
        of_api = pl.struct(LABEL).is_in(self.readings.labels.select(pl.struct(LABEL)).to_series().implode())
        by_last = others & of_api.fill_null(False) & (pl.col("label_known_at") < self.limits.counted).fill_null(False)
        kept = rows.filter(~(by_first | by_last))
        return self._described_anew(kept, is_api, "first_captured_at", removed=rows.height - kept.height)

    def features(self, rows: pl.DataFrame, targets: pl.DataFrame) -> Outcome:
        """Rows of one of `places.DERIVED`, of one horizon.

        targets: that horizon's `horizon_targets`. A row goes with the target of any of its videos.
        """
        left = self.horizon_targets(targets).rows
        ids = left["video_id"].implode()
        kept = rows.filter(pl.col(name).is_in(ids) for name in video_columns(rows))
        if "default_language" not in rows.columns:
            return Outcome(kept, rows.height - kept.height)
        seen = left.select("video_id", "source", "first_captured_at", channel="channel_id")
        dated = kept.join(seen, on="video_id", how="left", maintain_order="left")
        is_api = _is_api() & ~_among("channel", self.limits.own_channels)
        anew = self._described_anew(dated, is_api, "first_captured_at").rows
        return self._of_countries(kept, anew, is_api, removed=rows.height - kept.height)

    def video_catalogue(self, rows: pl.DataFrame) -> Outcome:
        """What was not read again in time goes, column by column; a video of which nothing was read goes whole."""
        own = _among("channel_id", self.limits.own_channels)
        read_at = {"described_at": pl.col("described_at"), "metadata_at": _METADATA_READ_AT}
        last_read = pl.max_horizontal(*read_at.values(), "captured_at")
        kept = rows.filter(own | (last_read >= self.limits.counted))
        anew = kept.with_columns(
            pl.when(own | (read_at[at] >= self.limits.described)).then(pl.col(name)).alias(name)
            for at, columns in DESCRIPTIONS.items()
            for name in columns
        )
        columns = [name for names in DESCRIPTIONS.values() for name in names]
        return Outcome(anew, rows.height - kept.height, _n_changed(kept, anew, columns))

    def thumbnail_checks(self, rows: pl.DataFrame) -> Outcome:
        """What the image host said goes when it was not asked again in time."""
        own = _among("video_id", self.readings.own_videos)
        return self._without(rows, ~own & (pl.col("checked_at") < self.limits.described))

    def _is_api_of_others(self) -> pl.Expr:
        return _is_api() & ~_among("video_id", self.readings.own_videos)

    def _is_there_now(self) -> pl.Expr:
        """Whether the image host had the picture of `content_hash` when it was asked in time."""
        seen = self.readings.checks.filter(pl.col("checked_at") >= self.limits.described).drop_nulls("content_hash")
        pair = pl.struct("video_id", "content_hash")
        return pair.is_in(seen.select(pair).to_series().implode())

    def _without(self, rows: pl.DataFrame, expired: pl.Expr) -> Outcome:
        kept = rows.filter(~expired)
        return Outcome(kept, rows.height - kept.height)

    def _described_anew(self, rows: pl.DataFrame, is_api: pl.Expr, read_at: str, *, removed: int = 0) -> Outcome:
        """Set what describes a video to what the catalogue says now where the row's own has expired, else to null.

        A row that is not expired copied what the catalogue said when it was captured: it expires with that.
        """
        known = rows.join(self.readings.described, on="video_id", how="left", maintain_order="left")
        changed, columns = [], []
        for at, names in DESCRIPTIONS.items():
            is_fresh = (pl.col(f"{at}_now") >= self.limits.described).fill_null(False)
            is_stale = (pl.col(f"{at}_now") < self.limits.described).fill_null(False)
            stays = ~is_api | ((pl.col(read_at) >= self.limits.described) & ~is_stale)
            for name in (each for each in names if each in rows.columns):
                now = pl.when(is_fresh).then(pl.col(f"{name}_now"))
                changed.append(pl.when(stays).then(pl.col(name)).otherwise(now).alias(name))
                columns.append(name)
        anew = known.with_columns(changed).select(rows.columns)
        return Outcome(anew, removed, _n_changed(rows, anew, columns))

    def _of_countries(self, kept: pl.DataFrame, anew: pl.DataFrame, is_api: pl.Expr, *, removed: int) -> Outcome:
        """The country that a channel stated, likewise from the channel's newest reading."""
        now = self.readings.channels.select(channel="channel_id", country_now="channel_country")
        known = anew.join(now, on="channel", how="left", maintain_order="left")
        expired = is_api & (pl.col("first_captured_at") < self.limits.described)
        country = pl.when(expired).then(pl.col("country_now")).otherwise(pl.col("channel_country"))
        rows = known.with_columns(country.alias("channel_country")).select(kept.columns)
        return Outcome(rows, removed, _n_changed(kept, rows, kept.columns))


#: The rules of the tables whose rows say for themselves what they are of, by the table's name.
OF_TABLES: Mapping[str, Callable[[Rules, pl.DataFrame], Outcome]] = {
    "channel_snapshots": Rules.channel_snapshots,
    "rejected_captures": Rules.rejected_captures,
    "thumbnails": Rules.thumbnails,
    "thumbnail_scores": Rules.thumbnails,
    "video_versions": Rules.video_versions,
    "snapshots": Rules.snapshots,
}


def video_columns(rows: pl.DataFrame) -> list[str]:
    """The columns that hold ids of videos."""
    return [name for name in ("video_id", "video_id_a", "video_id_b") if name in rows.columns]


def _is_api() -> pl.Expr:
    return pl.col("source") == API


def _among(column: str, names: Sequence[str] | frozenset[str]) -> pl.Expr:
    return pl.col(column).is_in(list(names)).fill_null(False) if names else pl.lit(False)


def _midnight(now: datetime, days: int) -> datetime:
    """The first instant of the oldest day that is kept when a day is kept for so many, today included."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)


def _n_changed(before: pl.DataFrame, after: pl.DataFrame, columns: Sequence[str]) -> int:
    if before.is_empty() or not columns:
        return 0
    differs = pl.DataFrame([before[name].ne_missing(after[name]).alias(name) for name in columns])
    return int(differs.select(pl.any_horizontal(pl.all()).sum()).item())
