"""The tabular features of a video, each made only of what was known at its moment.

`metadata_features` is the one code path: of a whole table, of a single video, and of a video whose channel is looked at
on an earlier day. No row depends on which other rows are asked for.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import pi

import polars as pl

from vidrank_assets.catalog import InformationSet
from vidrank_assets.dataset.channel_history import (
    channel_history,
    channel_state,
    first_capture_events,
    target_events,
    uploads_before,
)
from vidrank_assets.errors import InvalidInput
from vidrank_assets.tables import METADATA_FEATURES

#: The features that name one of few levels; all others are numbers or flags.
CATEGORICAL = ("channel_country", "default_language", "default_audio_language", "query", "category_id")

_DURATION_STEPS = (60, 240, 600, 1_200, 3_600)  # seconds
_SHORT_SEC = 180
_UPLOADS = timedelta(days=30)
_SATURDAY = 6

# Seconds are multiplied, not divided: polars divides a long column by a number through its reciprocal and a single row
# directly, which differ in the last bit.
_HOURS = 1 / 3_600
_DAYS = 1 / 86_400

_LINK = r"https?://\S+|\bwww\.\S+"
# What is drawn as an emoji: by itself, by the variation selector after it (❤️), or as a keycap (1️⃣).
_EMOJI = r"\p{Emoji_Presentation}|\p{Extended_Pictographic}\x{FE0F}|\x{20E3}"


@dataclass(frozen=True)
class Captured:
    """Everything captured so far; a feature takes of it what was known at its moment.

    first_captures: `tables.SNAPSHOTS`, one row per video.
    labels: `tables.HORIZON_TARGETS` of one horizon.
    channels: `tables.CHANNEL_SNAPSHOTS`.

    Raises InvalidInput: a video has two first captures, or there are labels of several horizons.
    """

    first_captures: pl.DataFrame
    labels: pl.DataFrame
    channels: pl.DataFrame

    def __post_init__(self) -> None:
        repeated = self.first_captures.height - self.first_captures["video_id"].n_unique()
        horizons = self.labels["horizon_days"].unique().sort().to_list()
        if repeated or len(horizons) > 1:
            raise InvalidInput(
                f"features must be made from one first capture per video and the labels of one horizon; found "
                f"{repeated} repeated videos and the horizons {horizons}. Use dataset.snapshots.first_captures and one "
                "partition of horizon_targets."
            )


def feature_columns(information_set: InformationSet) -> list[str]:
    """The features that a model may use when it knows `information_set`, in the order of the table."""
    return METADATA_FEATURES.named(["publish"] if information_set == "publish" else ["publish", "snapshot1"])


def metadata_features(captured: Captured, moments: pl.DataFrame | None = None) -> pl.DataFrame:
    """`tables.METADATA_FEATURES` of every video, sorted by video_id; or of `moments`, in their order.

    moments: video_id and as_of, the moment at which the channel is looked at; a video may occur several times.
    Every channel_* column is dated at as_of (without `moments`, at the video's publication); what is the video's own,
    from its title to its first counters, is the same at all of them.

    Raises InvalidInput: a moment is of a video that was never captured, or lies after its publication, when the
    history would hold what the video itself went on to do.
    """
    if moments is None:
        moments = captured.first_captures.select("video_id", as_of="published_at").sort("video_id")
    videos = _at_moments(captured.first_captures, moments)
    parts = [videos.select("video_id", *_title(), *_content(), *_time(), *_snapshot1())]
    parts += [_channel(videos, captured), _views_per_subscriber(videos, captured)]
    return pl.concat(parts, how="horizontal").select(
        pl.col(name).cast(t) for name, t in METADATA_FEATURES.schema.items()
    )


def _at_moments(first_captures: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """The first captures of the videos that are asked for, with as_of, in the order of `moments`."""
    asked = moments.select("video_id", "as_of")
    videos = asked.join(first_captures, on="video_id", how="left", maintain_order="left")
    unknown, late = videos["published_at"].null_count(), videos.filter(pl.col("as_of") > pl.col("published_at")).height
    if unknown or late or asked["as_of"].null_count():
        raise InvalidInput(
            f"a moment must be of a captured video and no later than its publication; of {moments.height} moments, "
            f"{unknown} are of unknown videos, {late} too late and {asked['as_of'].null_count()} without a time. "
            "Capture the videos first, and date a channel at or before the publication."
        )
    return videos


def _title() -> list[pl.Expr]:
    """Features of the title; null without one."""
    title = pl.col("title")
    return [
        title.str.len_chars().alias("title_length"),
        title.str.count_matches(r"\S+").alias("title_words"),
        _ratio(title.str.count_matches(r"\p{Lu}"), title.str.count_matches(r"\p{L}")).alias("title_capital_share"),
        title.str.contains(r"[?？؟]").alias("title_has_question"),
        title.str.contains(r"[!！]").alias("title_has_exclamation"),
        title.str.contains(r"\d").alias("title_has_digit"),
        title.str.contains(_EMOJI).alias("title_has_emoji"),
    ]


def _content() -> list[pl.Expr]:
    """Features of description, tags and length, and the video's own categories; null where those are."""
    duration = pl.col("duration_sec")
    return [
        pl.col("description").str.len_chars().alias("description_length"),
        pl.col("description").str.count_matches(_LINK).alias("description_links"),
        pl.col("tags").list.len().alias("tag_count"),
        duration,
        pl.sum_horizontal(((duration >= step).cast(pl.Int64) for step in _DURATION_STEPS), ignore_nulls=False).alias(
            "duration_bucket"
        ),
        (duration <= _SHORT_SEC).alias("is_short"),
        *(pl.col(name) for name in CATEGORICAL if not name.startswith("channel_")),
    ]


def _time() -> list[pl.Expr]:
    """Features of the moment of publication, in UTC."""
    hour, weekday = pl.col("published_at").dt.hour(), pl.col("published_at").dt.weekday()
    hour_angle, weekday_angle = hour.cast(pl.Float64) * (2 * pi / 24), (weekday.cast(pl.Float64) - 1) * (2 * pi / 7)
    return [
        hour.alias("publish_hour"),
        weekday.alias("publish_weekday"),
        hour_angle.sin().alias("publish_hour_sin"),
        hour_angle.cos().alias("publish_hour_cos"),
        weekday_angle.sin().alias("publish_weekday_sin"),
        weekday_angle.cos().alias("publish_weekday_cos"),
        (weekday >= _SATURDAY).alias("is_weekend"),
    ]


def _snapshot1() -> list[pl.Expr]:
    """Counters of the first capture, their rates, and the age at it."""
    views, likes, comments = pl.col("view_count"), pl.col("like_count"), pl.col("comment_count")
    age_hours = (pl.col("captured_at") - pl.col("published_at")).dt.total_seconds(fractional=True) * _HOURS
    return [
        views.alias("views_at_snapshot1"),
        likes.alias("likes_at_snapshot1"),
        comments.alias("comments_at_snapshot1"),
        _ratio(likes, views).alias("like_rate"),
        _ratio(comments, views).alias("comment_rate"),
        _ratio(likes + comments, views).alias("engagement_rate"),
        age_hours.alias("age_hours_at_snapshot1"),
        _ratio(views, age_hours).alias("views_per_hour_at_snapshot1"),
    ]


def _channel(videos: pl.DataFrame, captured: Captured) -> pl.DataFrame:
    """What was known of the channel at as_of: one row per row of `videos`."""
    state = channel_state(videos, captured.channels).with_columns(as_of=videos["as_of"])
    age = pl.col("as_of") - pl.col("channel_created_at")
    targets = channel_history(videos, target_events(captured.labels))
    firsts = channel_history(videos, first_capture_events(captured.first_captures))
    return pl.concat(
        [
            state.select(
                "channel_country",
                channel_subscribers="subscriber_count",
                channel_videos="video_count",
                channel_age_days=age.dt.total_seconds(fractional=True) * _DAYS,
                channel_uploads_30d=uploads_before(videos, captured.first_captures, _UPLOADS),
            ),
            targets.select(pl.all().name.prefix("channel_target_")),
            firsts.select(pl.all().name.prefix("channel_first_")),
        ],
        how="horizontal",
    )


def _views_per_subscriber(videos: pl.DataFrame, captured: Captured) -> pl.DataFrame:
    """Views at the first capture over the subscribers known then, whatever as_of is."""
    at_capture = channel_state(videos.select("channel_id", as_of="captured_at"), captured.channels)
    both = at_capture.select("subscriber_count").with_columns(videos["view_count"])
    return both.select(views_per_subscriber=_ratio(pl.col("view_count"), pl.col("subscriber_count")))


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """The part over the whole; null unless the whole is above zero."""
    return pl.when(whole > 0).then(part / whole)
