"""The videos that have a label, with what decides whether they are in: the rows a split is made of."""

import polars as pl

from vidrank_assets.errors import NoRows


def candidates(targets: pl.DataFrame, first: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """One row per labelled video, sorted by video_id.

    targets: `tables.HORIZON_TARGETS` of one horizon. first: the first capture of each video. channels:
    `tables.CHANNEL_SNAPSHOTS`, maybe empty.
    Columns: video_id, channel_id, published_at, target_log, target_raw, duration_sec, default_language, text_present
    (1 when there is a title), channel_subscribers (last known at publication; null when never).

    Raises NoRows: no video has a label at this horizon.
    """
    labelled = targets.filter(pl.col("target_log").is_not_null())
    if labelled.is_empty():
        raise NoRows(
            f"a horizon needs labelled videos; none of the {targets.height} videos seen has a label. "
            "Capture for longer, or choose a shorter horizon."
        )
    content = first.select(
        "video_id",
        "duration_sec",
        "default_language",
        text_present=(pl.col("title").str.len_chars() > 0).fill_null(False).cast(pl.Int64),
    )
    subscribers = channels.select("channel_id", "captured_at", channel_subscribers="subscriber_count")
    return (
        labelled.select("video_id", "channel_id", "published_at", "target_log", "target_raw")
        .join(content, on="video_id", how="inner", validate="1:1")
        .sort("published_at", "video_id")
        .join_asof(
            subscribers.sort("captured_at"),
            left_on="published_at",
            right_on="captured_at",
            by="channel_id",
            check_sortedness=False,
        )
        .drop("captured_at")
        .sort("video_id")
    )
