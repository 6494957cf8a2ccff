"""Every table's columns: name, type, meaning, unit, and when a value is known.

A table is checked where it is written and where it enters from outside: `TABLES["snapshots"].checked(frame)`.
"""

from collections.abc import Mapping

import polars as pl

from vidrank_assets.pair_tables import (
    RANKING_TARGETS,
    REJECTED_ANALYTICS,
    THUMBNAIL_SCORES,
    TRAINING_PAIRS,
    VIDEO_ANALYTICS,
)
from vidrank_assets.results import COMPARISON, LEADERBOARD, MODALITY_ABLATION, SLICE_METRICS
from vidrank_assets.schema import Column, Table, flag, instant, number, text, whole

_VIDEO = text("video_id", "YouTube's id of the video", nullable=False)
_CHANNEL = text("channel_id", "YouTube's id of the channel; the channel title where a source has no id")
#: What the source of a row says that came from the Data API.
API = "youtube_api"
_SOURCE = text("source", "where the row comes from: a catalog name; `sample` is synthetic", nullable=False)
_HORIZON_DAYS = whole("horizon_days", "age of the video at the horizon", "days", "identity", nullable=False)
_STRATEGY = text("fusion_strategy", "how the modalities were joined", nullable=False)

SNAPSHOTS = Table(
    "snapshots",
    ("video_id", "captured_at"),
    (
        _VIDEO,
        instant("captured_at", "when the counters were read", nullable=False),
        whole("view_count", "views so far; null when hidden"),
        whole("like_count", "likes so far; null when hidden"),
        whole("comment_count", "comments so far; null when comments are off"),
        text("title", "title at the capture", "publish"),
        text("description", "description at the capture", "publish"),
        Column("tags", pl.List(pl.String), "tags at the capture", known="publish"),
        text("category_id", "YouTube's category", "publish"),
        instant("published_at", "when the video went online", "publish", nullable=False),
        _CHANNEL,
        text("channel_title", "name of the channel at the capture"),
        whole("duration_sec", "length; null for a live stream", "seconds", "publish"),
        text("default_language", "language of title and description", "publish"),
        text("default_audio_language", "spoken language", "publish"),
        text("thumbnail_url", "where the thumbnail is", "publish"),
        text("query", "the watch-list entry or trending list that found the video", "snapshot1"),
        _SOURCE,
    ),
)

CHANNEL_SNAPSHOTS = Table(
    "channel_snapshots",
    ("channel_id", "captured_at"),
    (
        text("channel_id", "YouTube's id of the channel", nullable=False),
        instant("captured_at", "when the counters were read", nullable=False),
        text("channel_title", "name of the channel"),
        text("channel_country", "country the channel states", "publish"),
        instant("channel_created_at", "when the channel was made", "publish"),
        whole("subscriber_count", "subscribers; null when hidden"),
        whole("video_count", "public videos"),
        whole("channel_view_count", "views of all its videos"),
        text("uploads_playlist_id", "the playlist of all uploads"),
        _SOURCE,
    ),
)

REJECTED_CAPTURES = Table(
    "rejected_captures",
    (),
    (
        Column("day", pl.Date, "capture day the row was met on"),
        text("reason", "the rule the row broke, one word", nullable=False),
        text("found", "what the row holds there"),
        text("file", "file of the archive, relative to its folder"),
        whole("row", "row of the file, from 1, without the header", "count", "identity"),
        text("video_id", "the id as written"),
        text("raw", "the whole row as JSON"),
        _SOURCE,
    ),
)

THUMBNAILS = Table(
    "thumbnails",
    ("video_id", "content_hash"),
    (
        _VIDEO,
        text("content_hash", "SHA-256 of the picture", nullable=False),
        instant("captured_at", "when the picture was first seen", nullable=False),
        Column("image", pl.Binary, "the picture as it came: JPEG, PNG or WebP", known="publish", nullable=False),
        whole("width", "width of the picture", "pixels", "publish"),
        whole("height", "height of the picture", "pixels", "publish"),
        _SOURCE,
    ),
)

VIDEO_VERSIONS = Table(
    "video_versions",
    ("video_id", "part", "seen_at"),
    (
        _VIDEO,
        text("part", "what has versions: title or thumbnail", nullable=False),
        instant("seen_at", "when this version was first seen", nullable=False),
        whole("version", "1 for the first that was seen, 2 for what replaced it", "count", "identity", nullable=False),
        text("content_hash", "SHA-256 of the title or of the picture", nullable=False),
        text("title", "the title itself; null for a thumbnail", "publish"),
        _SOURCE,
    ),
)

MEDIA_FILES = Table(
    "media_files",
    ("video_id", "captured_at", "path"),
    (
        _VIDEO,
        instant("captured_at", "when the video was first captured that day", nullable=False),
        text("path", "where the film or sound lies on this machine", nullable=False),
        text("content_hash", "SHA-256 of the file", nullable=False),
        whole("size_bytes", "size of the file", "bytes", "identity", nullable=False),
        instant("modified_at", "when the file was last changed", nullable=False),
    ),
)

HORIZON_TARGETS = Table(
    "horizon_targets",
    ("video_id", "horizon_days"),
    (
        _VIDEO,
        _HORIZON_DAYS,
        text("title", "its title when it was first seen", "publish"),
        _CHANNEL,
        text("category_id", "YouTube's category", "publish"),
        instant("published_at", "when the video went online", "publish", nullable=False),
        whole("horizon_view_count", "views at the horizon"),
        whole("horizon_like_count", "likes at the horizon"),
        whole("horizon_comment_count", "comments at the horizon"),
        text("horizon_label_type", "observed, interpolated or missing", "outcome", nullable=False),
        text("horizon_missing_reason", "why there is no label; null when there is one", "outcome"),
        number("horizon_gap_hours", "how far the capture used, or the farther of two, was from the horizon", "hours"),
        instant("label_known_at", "the last capture the label was made from", "outcome"),
        text("metric_definition", "how YouTube counted views then", "outcome"),
        flag("monotone_violation", "a counter of the video went down"),
        number("target_raw", "horizon_view_count", "views"),
        number("target_log", "log1p of target_raw", "log views"),
        whole("delta_view_count", "views from the first capture to the horizon after it"),
        whole("delta_like_count", "likes from the first capture to the horizon after it"),
        whole("delta_comment_count", "comments from the first capture to the horizon after it"),
        number("target_views_log_delta", "log1p of delta_view_count; null when that is negative", "log views"),
        number("target_likes_log_delta", "log1p of delta_like_count; null when that is negative", "log likes"),
        number("target_comments_log_delta", "log1p of delta_comment_count; null when that is negative", "log comments"),
        whole("mask_views", "1 when target_views_log_delta is known", "0 or 1", nullable=False),
        whole("mask_likes", "1 when target_likes_log_delta is known", "0 or 1", nullable=False),
        whole("mask_comments", "1 when target_comments_log_delta is known", "0 or 1", nullable=False),
        flag("in_delta_task", "target_views_log_delta of every required horizon is known"),
        instant("first_captured_at", "when the video was first seen", "outcome", nullable=False),
        number("video_age_hours_at_snapshot1", "age of the video when it was first seen", "hours", "snapshot1"),
        _SOURCE,
    ),
)

METADATA_FEATURES = Table(
    "metadata_features",
    ("video_id",),
    (
        _VIDEO,
        whole("title_length", "characters of the title", "characters", "publish"),
        whole("title_words", "words of the title", "words", "publish"),
        number("title_capital_share", "share of capitals among the letters", "share", "publish"),
        flag("title_has_question", "the title holds a question mark", "publish", nullable=True),
        flag("title_has_exclamation", "the title holds an exclamation mark", "publish", nullable=True),
        flag("title_has_digit", "the title holds a digit", "publish", nullable=True),
        flag("title_has_emoji", "the title holds an emoji", "publish", nullable=True),
        whole("description_length", "characters of the description", "characters", "publish"),
        whole("description_links", "links in the description", "count", "publish"),
        whole("tag_count", "tags", "count", "publish"),
        whole("duration_sec", "length", "seconds", "publish"),
        whole("duration_bucket", "length in steps: 1, 4, 10, 20, 60 minutes", "step", "publish"),
        flag("is_short", "at most 3 minutes long", "publish", nullable=True),
        whole("publish_hour", "hour of publication", "hour UTC", "publish"),
        whole("publish_weekday", "weekday of publication, Monday is 1", "weekday", "publish"),
        number("publish_hour_sin", "hour on the circle", "sine", "publish"),
        number("publish_hour_cos", "hour on the circle", "cosine", "publish"),
        number("publish_weekday_sin", "weekday on the circle", "sine", "publish"),
        number("publish_weekday_cos", "weekday on the circle", "cosine", "publish"),
        flag("is_weekend", "published on Saturday or Sunday", "publish"),
        whole("channel_subscribers", "subscribers, last known at publication", "count", "publish"),
        whole("channel_videos", "public videos of the channel, last known at publication", "count", "publish"),
        number("channel_age_days", "age of the channel at publication", "days", "publish"),
        whole("channel_uploads_30d", "uploads of the channel seen in the 30 days before", "count", "publish"),
        whole("channel_target_count", "earlier videos whose label was known", "count", "publish"),
        number("channel_target_median", "median target_log of those", "log views", "publish"),
        number("channel_target_spread", "standard deviation of those", "log views", "publish"),
        number("channel_target_mean", "their empirical-Bayes mean, shrunk to the category", "log views", "publish"),
        number("channel_target_latest", "target_log of the one known last", "log views", "publish"),
        whole("channel_first_count", "earlier videos that had been captured", "count", "publish"),
        number("channel_first_median", "median age-adjusted log views at their first capture", "log views", "publish"),
        number("channel_first_spread", "standard deviation of those", "log views", "publish"),
        number("channel_first_mean", "their empirical-Bayes mean, shrunk to the category", "log views", "publish"),
        number("channel_first_latest", "the one captured last", "log views", "publish"),
        text("channel_country", "country the channel states", "publish"),
        text("default_language", "language of title and description", "publish"),
        text("default_audio_language", "spoken language", "publish"),
        text("query", "the watch-list entry or trending list that found the video", "snapshot1"),
        text("category_id", "YouTube's category", "publish"),
        whole("views_at_snapshot1", "views at the first capture", "count", "snapshot1"),
        whole("likes_at_snapshot1", "likes at the first capture", "count", "snapshot1"),
        whole("comments_at_snapshot1", "comments at the first capture", "count", "snapshot1"),
        number("like_rate", "likes a view at the first capture", "share", "snapshot1"),
        number("comment_rate", "comments a view at the first capture", "share", "snapshot1"),
        number("engagement_rate", "likes and comments a view at the first capture", "share", "snapshot1"),
        number("views_per_subscriber", "views a subscriber at the first capture", "ratio", "snapshot1"),
        number("age_hours_at_snapshot1", "age at the first capture", "hours", "snapshot1"),
        number("views_per_hour_at_snapshot1", "views an hour of age at the first capture", "views/hour", "snapshot1"),
    ),
)

EMBEDDING_MANIFEST = Table(
    "embedding_manifest",
    ("video_id", "modality", "encoder", "content_hash"),
    (
        _VIDEO,
        text("modality", "image, text, audio or video", nullable=False),
        text("encoder", "catalog name and revision of the encoder", nullable=False),
        text("content_hash", "SHA-256 of what was encoded", nullable=False),
        text("shard_key", "the shard that holds the vector", nullable=False),
        whole("shard_idx", "row of the shard", "row", "identity", nullable=False),
        whole("dim", "width of the vector", "columns", "identity", nullable=False),
        instant("captured_at", "when that content was first seen", nullable=False),
        instant("embedded_at", "when it was encoded", nullable=False),
    ),
)

FUSED_MANIFEST = Table(
    "fused_manifest",
    ("video_id", "fusion_strategy"),
    (
        _VIDEO,
        _STRATEGY,
        text("fused_key", "the shard that holds the fused vector", nullable=False),
        whole("shard_idx", "row of that shard", "row", "identity", nullable=False),
        whole("fused_dim", "width of the fused vector", "columns", "identity", nullable=False),
        *(
            column
            for modality in ("video", "audio", "text", "image")
            for column in (
                text(f"{modality}_emb_key", f"the shard of the {modality} vector; null when there is none"),
                whole(f"{modality}_shard_idx", "row of that shard", "row", "identity"),
                whole(f"{modality}_present", f"1 when there is a {modality} vector", "0 or 1", "publish"),
            )
        ),
        instant("fused_at", "when the newest of its vectors was made"),
        text("feature_set_version", "which encoders and which fusion made it", nullable=False),
    ),
)

SPLIT_MANIFEST = Table(
    "split_manifest",
    ("video_id",),
    (
        _VIDEO,
        text("split", "train, val or test", nullable=False),
        whole("text_present", "1 when there is a title", "0 or 1", "publish", nullable=False),
        number("target_log", "log1p of target_raw", "log views"),
        number("target_raw", "views at the horizon", "views"),
    ),
)

#: Honest pairs: the later video's features, with its channel as it was when the earlier one was published.
PAIRED_FEATURES = Table("paired_features", TRAINING_PAIRS.key, (*TRAINING_PAIRS.columns, *METADATA_FEATURES.columns))

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        SNAPSHOTS, CHANNEL_SNAPSHOTS, REJECTED_CAPTURES, THUMBNAILS, VIDEO_VERSIONS, MEDIA_FILES, HORIZON_TARGETS,
        METADATA_FEATURES, EMBEDDING_MANIFEST, FUSED_MANIFEST, SPLIT_MANIFEST, TRAINING_PAIRS, PAIRED_FEATURES,
        VIDEO_ANALYTICS, REJECTED_ANALYTICS, THUMBNAIL_SCORES, RANKING_TARGETS,
        LEADERBOARD, SLICE_METRICS, COMPARISON, MODALITY_ABLATION,
    )
}  # fmt: skip
