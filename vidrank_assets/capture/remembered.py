"""What a live source remembers between captures: every video it knows, and what is on the image host."""

from vidrank_assets.schema import Table, instant, text
from vidrank_assets.tables import SNAPSHOTS

#: What a capture reads anew of a video each time.
_OF_A_CAPTURE = ("captured_at", "view_count", "like_count", "comment_count")

#: What the Data API has said of every video that is watched: the newest of each, where it is kept between captures.
VIDEO_CATALOGUE = Table(
    "video_catalogue",
    ("video_id",),
    (
        *(column for column in SNAPSHOTS.columns if column.name not in _OF_A_CAPTURE),
        instant("first_seen_at", "when the video was found", nullable=False),
        instant("described_at", "when title, description and thumbnail were last read", nullable=False),
        instant("metadata_at", "when tags, category and languages were last read; null when never"),
        instant("captured_at", "when its counters were last read; null when never"),
        instant("gone_at", "when it was found deleted or private; null while it is there"),
    ),
)

#: What the image host said of every thumbnail when it was last asked.
THUMBNAIL_CHECKS = Table(
    "thumbnail_checks",
    ("video_id",),
    (
        text("video_id", "YouTube's id of the video", nullable=False),
        text("thumbnail_url", "what was asked for", nullable=False),
        instant("checked_at", "when it was asked for", nullable=False),
        text("content_hash", "SHA-256 of the picture that is there; null when none could be read"),
        text("etag", "the host's mark of that picture"),
        text("reason", "why there is no picture; null when there is one"),
    ),
)
