"""What the ranker's heads learn of each video: its CTR, or what stands in for it, and the scores of its thumbnail."""

from typing import Any

import polars as pl

from vidrank_assets.features.sub_scores import PICTURE_SCORES
from vidrank_assets.pair_tables import RANKING_TARGETS, SUB_SCORES


def ranking_targets(
    labels: pl.DataFrame,
    features: pl.DataFrame,
    *,
    split: pl.DataFrame,
    scores: pl.LazyFrame,
    analytics: pl.DataFrame,
) -> pl.DataFrame:
    """`pair_tables.RANKING_TARGETS` of every video with a label, sorted by video_id.

    ctr is relative to the channel: sigmoid(log(value / usual)) = value / (value + usual), one half for what is usual.
    Where CTR was measured, the value is that, and usual is the median measured CTR of the channel's videos in train:
    what val and test reached does not set their own scale. Elsewhere the value is exp(target_log), one more than the
    views, and usual is exp(channel_target_mean), what the channel was known to reach when the video was published. So a
    measured CTR is not used, and views stand in for it, where no video of the channel in train has one above zero.
    Without a channel, or without anything that was known at publication, ctr is null.

    The scores are those of the first thumbnail that could be read, which is also the one whose vector is used.

    labels: `tables.HORIZON_TARGETS` and features: `tables.METADATA_FEATURES` of one horizon; split: its
    `tables.SPLIT_MANIFEST`. scores: `pair_tables.THUMBNAIL_SCORES` of any days. analytics:
    `pair_tables.VIDEO_ANALYTICS`.
    """
    videos = labels.drop_nulls("target_log").select("video_id", "channel_id", "target_log")
    known = (
        videos.join(features.select("video_id", "channel_target_mean"), on="video_id", how="left")
        .join(analytics.select("video_id", clicked="ctr"), on="video_id", how="left")
        .join(split.select("video_id", "split"), on="video_id", how="left")
        .join(first_scores(scores, videos["video_id"]), on="video_id", how="left")
    )
    has_channel = pl.col("channel_id").is_not_null()
    usual = pl.col("clicked").filter(split="train").median().over("channel_id")
    measured = pl.when(has_channel & (usual > 0)).then(pl.col("clicked") / (pl.col("clicked") + usual))
    surplus = pl.col("target_log") - pl.col("channel_target_mean")
    proxy = pl.when(has_channel).then(1 / (1 + (-surplus).exp()))
    rows = known.with_columns(measured=measured, proxy=proxy).with_columns(
        ctr=pl.coalesce("measured", "proxy"),
        ctr_source=pl.when(pl.col("measured").is_not_null())
        .then(pl.lit("measured"))
        .when(pl.col("proxy").is_not_null())
        .then(pl.lit("proxy")),
    )
    return rows.select(RANKING_TARGETS.schema.names()).sort("video_id")


def first_scores(scores: pl.LazyFrame, video_ids: pl.Series) -> pl.DataFrame:
    """The scores of the first thumbnail of each of some videos that could be read: `video_id` and `SUB_SCORES`.

    Of two first seen at one moment it is the one with the smaller hash. scores: `pair_tables.THUMBNAIL_SCORES`.
    """
    wanted = pl.LazyFrame({"video_id": video_ids})
    readable = scores.join(wanted, on="video_id", how="semi").filter(
        pl.any_horizontal(pl.col(PICTURE_SCORES).is_not_null())
    )
    ordered = readable.select("video_id", "captured_at", "content_hash", *SUB_SCORES).collect(engine="streaming")
    first = ordered.sort("video_id", "captured_at", "content_hash").unique(
        "video_id", keep="first", maintain_order=True
    )
    return first.select("video_id", *SUB_SCORES)


def ctr_coverage(targets: pl.DataFrame, analytics: pl.DataFrame) -> dict[str, Any]:
    """How many videos learn a measured CTR, a proxy or none, and whose measured CTR could not be used.

    targets: `pair_tables.RANKING_TARGETS`. analytics: `pair_tables.VIDEO_ANALYTICS`.
    """
    sources = dict(targets["ctr_source"].value_counts().iter_rows())
    clicked = targets.join(analytics.drop_nulls("ctr"), on="video_id", how="semi")
    return {
        "ctr_measured": sources.get("measured", 0),
        "ctr_proxy": sources.get("proxy", 0),
        "ctr_unknown": sources.get(None, 0),
        "ctr_measured_without_usual": clicked.height - sources.get("measured", 0),
    }


def score_coverage(scores: pl.DataFrame) -> pl.DataFrame:
    """Of how many rows each score was measured, their share, and its mean and standard deviation: a row a score."""
    columns = ((name, scores[name].drop_nulls()) for name in SUB_SCORES)
    return pl.DataFrame(
        [
            {
                "score": name,
                "measured": known.len(),
                "share": known.len() / scores.height if scores.height else None,
                "mean": known.mean(),
                "deviation": known.std(),
            }
            for name, known in columns
        ],
        schema={
            "score": pl.String,
            "measured": pl.Int64,
            "share": pl.Float64,
            "mean": pl.Float64,
            "deviation": pl.Float64,
        },
    )
