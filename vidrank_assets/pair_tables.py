"""What a ranker learns from: pairs of one channel's videos, and what else is known of how each did and looks."""

from vidrank_assets.schema import Table, instant, number, text, whole

_VIDEO = text("video_id", "YouTube's id of the video", nullable=False)

#: What of a thumbnail, and of how its title fits it, is measured: 0 to 1 each, null where it is not.
SUB_SCORES = ("clarity", "prominence", "contrast", "emotion", "hierarchy", "title_match")
_MEASURED = (
    number("clarity", "how sharp the thumbnail is", "0 to 1", "publish"),
    number("prominence", "how much of what draws the eye lies in one place", "0 to 1", "publish"),
    number("contrast", "how far light and dark are apart", "0 to 1", "publish"),
    number("emotion", "how much its colours arouse", "0 to 1", "publish"),
    number("hierarchy", "how far one thing leads the next", "0 to 1", "publish"),
    number("title_match", "how well picture and title say the same; null without a model of both", "0 to 1", "publish"),
)

TRAINING_PAIRS = Table(
    "training_pairs",
    ("video_id_a", "video_id_b"),
    (
        text("video_id_a", "the video published earlier", nullable=False),
        text("video_id_b", "the video published later", nullable=False),
        text("channel_id", "the channel of both", nullable=False),
        whole("winner", "1 when a won, 0 when b won", "0 or 1", nullable=False),
        number("margin", "|a - b| / max(a, b) of what judged them", "share"),
        number("days_apart", "between the two publications", "days", "publish"),
        text("split", "the split of both", nullable=False),
        text("judged_by", "views: at the horizon; ctr: measured, where it is known of both", nullable=False),
    ),
)

VIDEO_ANALYTICS = Table(
    "video_analytics",
    ("video_id",),
    (
        _VIDEO,
        whole("impressions", "how often YouTube showed the thumbnail"),
        number("ctr", "clicks an impression, as YouTube Studio exports it", "share"),
    ),
)

#: Rows of the owner's files that were set aside, of every file that was ever imported.
REJECTED_ANALYTICS = Table(
    "rejected_analytics",
    ("file_sha256", "line"),
    (
        text("file", "name of the file", nullable=False),
        text("file_sha256", "what it held", nullable=False),
        whole("line", "where the row begins, from 1, the header included", "count", "identity", nullable=False),
        text("video_id", "the id, as it would be stored"),
        text("reason", "the rule the row broke, one word", nullable=False),
        text("rule", "what must hold", nullable=False),
        text("found", "what the row holds there"),
        text("raw", "the whole row as JSON"),
    ),
)

THUMBNAIL_SCORES = Table(
    "thumbnail_scores",
    ("video_id", "content_hash"),
    (
        _VIDEO,
        text("content_hash", "SHA-256 of the picture", nullable=False),
        instant("captured_at", "when the picture was first seen", nullable=False),
        *_MEASURED,
        text("source", "where the picture comes from: a catalog name; `sample` is synthetic", nullable=False),
    ),
)

RANKING_TARGETS = Table(
    "ranking_targets",
    ("video_id",),
    (
        _VIDEO,
        text("channel_id", "the video's channel, of which its CTR is relative"),
        number("ctr", "sigmoid of the log of CTR, or of views at the horizon, over the channel's usual", "0 to 1"),
        text("ctr_source", "measured: by YouTube Studio; proxy: by views; null without either"),
        *_MEASURED,
    ),
)
