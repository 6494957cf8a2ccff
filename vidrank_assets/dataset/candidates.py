"""The videos that have a label, with what decides whether they are in, and the split that is made of them."""

from typing import NamedTuple

import polars as pl

from vidrank_assets.capture.inclusion import Inclusion, counted, eligible, trainable
from vidrank_assets.dataset import splits
from vidrank_assets.errors import NoRows, SplitTooSmall
from vidrank_assets.settings import SplitPolicy

#: Why a candidate that broke no rule is in no part: the parts of its channel and of its time differ.
_BETWEEN_PARTS = "between_parts"


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


class Dealt(NamedTuple):
    """A split, and what became of every candidate.

    manifest: `tables.SPLIT_MANIFEST`.
    counts: reason (`in`, or the rule that left them out), videos and unknown, as `capture.inclusion.counted` says.
    """

    manifest: pl.DataFrame
    counts: pl.DataFrame


def dealt(
    videos: pl.DataFrame,
    inclusion: Inclusion | str,
    *,
    policy: SplitPolicy,
    ratios: splits.Ratios = splits.RATIOS,
    seed: int = 42,
    horizon: str | None = None,
) -> Dealt:
    """Deal candidates to train, val and test.

    Who is eligible is judged of all candidates, by what is known without the outcome; they are dealt; then the rules
    that look at the outcome are judged of the training rows alone. So no outcome of val or test decides what is trained
    on, and no outcome at all decides what is tested on.

    videos: rows of `candidates`. horizon: named in the errors.
    Raises UnknownName: no preset has that name. SplitTooSmall: too few videos are eligible, or are left in a part.
    Raises InvalidInput: what `splits.split_manifest` refuses.
    """
    judged = eligible(videos, inclusion)
    may_be_in = judged.filter(pl.col("reason").is_null())
    _refuse_too_strict(judged, may_be_in.height)
    manifest = splits.split_manifest(may_be_in, policy=policy, ratios=ratios, seed=seed, horizon=horizon)
    parts = manifest.select("video_id", "split")
    train = trainable(videos.join(parts.filter(split="train"), on="video_id", how="semi"), inclusion)
    left_out = train.filter(pl.col("reason").is_not_null())["video_id"]
    after = train.select("video_id", after="reason", unknown_after="unknown")
    told = judged.join(parts, on="video_id", how="left").join(after, on="video_id", how="left")
    told = told.with_columns(
        reason=pl.coalesce("reason", pl.when(pl.col("split").is_null()).then(pl.lit(_BETWEEN_PARTS)), "after"),
        unknown=pl.concat_list("unknown", pl.col("unknown_after").fill_null([])),
    )
    return Dealt(splits.without(manifest, left_out, horizon=horizon), counted(told))


def _refuse_too_strict(judged: pl.DataFrame, n_eligible: int) -> None:
    if n_eligible < splits.MIN_VIDEOS <= judged.height:
        reasons = ", ".join(f"{name} {n}" for name, n, _ in counted(judged).iter_rows() if name != "in")
        raise SplitTooSmall(
            f"a split needs at least {splits.MIN_VIDEOS} videos; of {judged.height} with a label the inclusion rules "
            f"leave {n_eligible}: {reasons}. Choose a wider preset, such as VIDRANK_INCLUSION=all."
        )
