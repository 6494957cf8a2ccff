"""A synthetic world with known answers: channels, videos, thumbnails and growth, any day from a seed.

Nothing here happened. Every row says `sample` in its source, every channel is called Synthetic, and every thumbnail
carries the word. Title, thumbnail and channel really drive the views, by `sample_videos.Weights`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import ClassVar

import numpy as np
import polars as pl

from vidrank_assets.capture.base import Captures
from vidrank_assets.capture.sample_channels import channels
from vidrank_assets.capture.sample_draws import choice, uniform
from vidrank_assets.capture.sample_growth import LAST_AGE_DAYS, capture_instants, captures, counters_at, log_growth
from vidrank_assets.capture.sample_thumbnails import HEIGHT, N_CHANCES, WIDTH, Picture
from vidrank_assets.capture.sample_videos import WEIGHTS, Weights, openness, published, truncated, uploads_before
from vidrank_assets.errors import InvalidInput
from vidrank_assets.schema import INSTANT
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, SNAPSHOTS, THUMBNAILS

#: The first video goes online on this day. With the default length the world lies between two changes of what
#: YouTube counts as a view, 2025-03-31 and 2026-08-24, so no label is lost to them.
FIRST_DAY = date(2026, 1, 5)
_EPOCH = date(1970, 1, 1)


class SampleWorld:
    """The source called `sample`.

    seed: the same seed is the same world, whatever days are asked for, in whatever order.
    n_channels: a little over a fifth of it is the number of videos a day.
    n_days: the days that `days` lists; the world itself goes on after them.
    weights: what each thing adds to views.
    A number may be given as text, as it comes from a configuration. Raises InvalidInput: it is not a whole number, or
    there would be no channel or no day.
    """

    name: ClassVar[str] = "sample"

    def __init__(
        self, seed: int | str = 42, *, n_channels: int | str = 60, n_days: int | str = 118, weights: Weights = WEIGHTS
    ) -> None:
        self.seed = _whole("seed", seed)
        self.weights = weights
        self.n_days = _whole("n_days", n_days, least=1)
        self._channels = channels(self.seed, _whole("n_channels", n_channels, least=1))

    def days(self) -> Sequence[date]:
        """The default days, ascending."""
        return [FIRST_DAY + timedelta(days=i) for i in range(self.n_days)]

    def snapshots(self, days: Sequence[date]) -> Captures:
        """Counters and metadata of the watched videos on those days; none before the world begins."""
        rows = _described(self._captures(days)).with_columns(
            thumbnail_url=pl.format("sample:///{}.jpg", "video_id"),
            source=pl.lit(self.name),
        )
        return Captures(rows.select(SNAPSHOTS.schema.names()))

    def channel_snapshots(self, days: Sequence[date]) -> Captures:
        """Counters of the watched channels on those days."""
        numbers = np.array(sorted(_number(day) for day in set(days) if day >= FIRST_DAY), np.int64)
        start = capture_instants(self.seed, numbers)
        on = pl.DataFrame({"day": numbers, "start": start})
        rows = _counted(on.join(self._channels, how="cross", maintain_order="left_right")).with_columns(
            captured_at=(pl.col("start") - 600_000_000 + pl.col("channel") * 1_000_000).cast(INSTANT),
            source=pl.lit(self.name),
        )
        return Captures(rows.select(CHANNEL_SNAPSHOTS.schema.names()))

    def thumbnails(self, days: Sequence[date]) -> Captures:
        """The thumbnail of every video that is captured for the first time on one of those days."""
        wanted = [_number(day) for day in days]
        first = captures(self.seed, self._published(days)).unique("video_id", keep="first", maintain_order=True)
        first = first.filter(pl.col("capture_day").is_in(wanted))
        images = [picture.jpeg() for picture in self.pictures(first)]
        rows = first.with_columns(
            pl.Series("image", images, pl.Binary),
            pl.Series("content_hash", [sha256(image).hexdigest() for image in images], pl.String),
            width=pl.lit(WIDTH, pl.Int64),
            height=pl.lit(HEIGHT, pl.Int64),
            source=pl.lit(self.name),
        )
        return Captures(rows.select(THUMBNAILS.schema.names()))

    def videos(self, first: date, last: date) -> pl.DataFrame:
        """Every video that goes online from one day to another, by day and channel, captured or not.

        `sample_videos.published`, with what else the API shows of a video: `description`, `tags`, `duration_sec`.
        """
        days = range(_number(max(first, FIRST_DAY)), _number(last) + 1)
        return _described(published(self.seed, self._channels, days, self.weights))

    def counters(self, videos: pl.DataFrame, moment: datetime) -> pl.DataFrame:
        """`view_count`, `like_count` and `comment_count` of such videos at one moment after all were published."""
        return counters_at(self.seed, videos, moment)

    def channels(self, day: date) -> pl.DataFrame:
        """Every channel with its counters on one day, and with what drives its videos."""
        return _counted(self._channels.with_columns(day=pl.lit(_number(day), pl.Int64)))

    def pictures(self, videos: pl.DataFrame) -> list[Picture]:
        """The thumbnails of such videos, to be drawn."""
        channel, day = videos["channel"].to_numpy(), videos["day"].to_numpy()
        chance = uniform(self.seed, "chance", channel[:, None], day[:, None], np.arange(N_CHANCES)[None, :])
        parts = [truncated(videos[part].to_numpy()).tolist() for part in ("warmth", "contrast", "face", "clutter")]
        parts.append(openness(videos["expression"].to_numpy()).tolist())
        host, accent = (choice(self.seed, what, 6, channel) for what in ("host", "accent"))
        rows = zip(*parts, videos["caption"], host.tolist(), accent.tolist(), chance.tolist(), strict=True)
        return [Picture(*row) for row in rows]

    def truth(self, days: Sequence[date], *, age: timedelta) -> pl.DataFrame:
        """What views are made of, for the videos published on those days, in log views.

        `channel_part`, `title_part`, `picture_part`, `form_part`, `growth_part` (by that age) and `noise_part` add up
        to `log_views`, which counters show rounded down, and less what an audit took.
        """
        wanted = [_number(day) for day in days]
        videos = self._published(days).filter(pl.col("day").is_in(wanted))
        grown = log_growth(np.full(videos.height, age / timedelta(days=1)), videos["scale_days"].to_numpy())
        return videos.select(
            "video_id",
            "channel_id",
            "published_at",
            pl.col("level").alias("channel_part"),
            "title_part",
            "picture_part",
            "form_part",
            pl.Series("growth_part", grown),
            "noise_part",
            (pl.col("log_final") + grown).alias("log_views"),
        )

    def _published(self, days: Sequence[date]) -> pl.DataFrame:
        """The videos that could be captured on those days."""
        first = _number(FIRST_DAY)
        numbers = [_number(day) for day in days] or [first - 1]
        online = range(max(first, min(numbers) - LAST_AGE_DAYS), max(numbers) + 1)
        return published(self.seed, self._channels, online, self.weights)

    def _captures(self, days: Sequence[date]) -> pl.DataFrame:
        wanted = [_number(day) for day in days]
        return captures(self.seed, self._published(days)).filter(pl.col("capture_day").is_in(wanted))


_LINKS = pl.lit(" https://example.com/synthetic")


def _described(videos: pl.DataFrame) -> pl.DataFrame:
    return videos.with_columns(
        description=pl.format("Synthetic, from vidrank's sample world.{}", _LINKS.repeat_by("links").list.join("")),
        tags=pl.concat_list(pl.lit("synthetic"), "query", pl.col("caption").str.to_lowercase()),
        duration_sec=pl.when(~pl.col("live")).then("seconds"),
    )


def _counted(channels: pl.DataFrame) -> pl.DataFrame:
    """The channels with their counters on their `day`."""
    since = pl.col("day") - _number(FIRST_DAY)
    n_videos = uploads_before("day") - uploads_before("first") + pl.col("earlier_videos")
    rows = channels.with_columns(
        first=pl.lit(_number(FIRST_DAY)),
        subscribers=(pl.col("subscribers") * (1 + since * pl.col("growth_per_day"))).cast(pl.Int64),
    )
    return rows.with_columns(
        subscriber_count=pl.when(~pl.col("subscribers_hidden")).then("subscribers"),
        video_count=n_videos,
        channel_view_count=(n_videos * pl.col("level").exp()).cast(pl.Int64),
        uploads_playlist_id=pl.format("UU{}", pl.col("channel_id").str.slice(2)),
    )


def _number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def _whole(what: str, value: int | str, *, least: int | None = None) -> int:
    try:
        number = int(value)
    except ValueError:
        raise InvalidInput(f"{what} of the sample world must be a whole number; got {value!r}.") from None
    if least is not None and number < least:
        raise InvalidInput(f"{what} of the sample world must be at least {least}; got {number}.")
    return number
