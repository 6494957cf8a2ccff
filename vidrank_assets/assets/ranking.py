"""What a ranker learns beside who won: the scores of thumbnails, and what its heads are trained on."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from vidrank_assets.assets.checks import conforming, schema_check
from vidrank_assets.assets.compute import PLACEMENTS
from vidrank_assets.assets.dataset import EVERY_DAY_IF_ANY
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, preview, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import ONE_RUN, by_day, by_horizon
from vidrank_assets.catalog import ENCODERS
from vidrank_assets.features import embedding
from vidrank_assets.features import ranking_targets as learned
from vidrank_assets.features.sub_scores import PICTURE_SCORES, scored
from vidrank_assets.features.title_match import TitleMatch, load_title_match
from vidrank_assets.pair_tables import RANKING_TARGETS, THUMBNAIL_SCORES
from vidrank_assets.settings import Settings
from vidrank_assets.tables import API

#: How many pictures are in memory at a time.
_BATCH = 4096
#: A title is compared with its picture on what the encoder of pictures runs on.
_PLACEMENT = PLACEMENTS[ENCODERS.entries["clip"].device if Settings().image_encoder == "clip" else "cpu"]
_DAY = pl.col("captured_at").dt.date()


@dg.asset(
    group_name="features",
    kinds={"numpy", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(THUMBNAIL_SCORES),
    partitions_def=by_day,
    backfill_policy=ONE_RUN,
    ins={"snapshots": dg.AssetIn(metadata={"optional": True})},
    pool=_PLACEMENT.pool,
    op_tags=dict(_PLACEMENT.op_tags),
    io_manager_key="tables",
    check_specs=[schema_check(THUMBNAIL_SCORES)],
    retry_policy=RETRIES,
)
@faults_are_final
def thumbnail_scores(
    context: dg.AssetExecutionContext, thumbnails: pl.LazyFrame, snapshots: pl.LazyFrame
) -> Iterator[dg.MaterializeResult[Any]]:
    """What is measured of the thumbnails first seen that day: clarity, prominence, contrast, emotion, hierarchy.

    And how well each fits the title its video had that day, where the image encoder is a CLIP model with both halves.
    A picture that cannot be read has a row without scores.
    """
    match = load_title_match(Settings())
    parts: list[pl.DataFrame] = []
    unreadable: Counter[tuple[date, str]] = Counter()
    for pictures in _pictures(thumbnails, snapshots):
        found = scored(pictures["item"].to_list())
        days = pictures["captured_at"].dt.date()
        unreadable.update((days[i], reason) for i, reason in found.unreadable.items())
        parts.append(_rows(pictures, found.matrix, match))
        context.log.info(f"{sum(part.height for part in parts)} thumbnails scored")
    checked, conforms = conforming(THUMBNAIL_SCORES, pl.concat([THUMBNAIL_SCORES.empty(), *parts]))
    tables = {each: checked.filter(date.fromisoformat(each) == _DAY) for each in sorted(context.partition_keys)}
    for each, of_day in tables.items():
        reasons = {reason: n for (day, reason), n in unreadable.items() if day == date.fromisoformat(each)}
        context.add_asset_metadata(_told(of_day, reasons, match), partition_key=each)
    yield dg.MaterializeResult(value=tables, check_results=[conforms])


def _pictures(thumbnails: pl.LazyFrame, snapshots: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The pictures some at a time, as `embedding.batches` has them, with `source` and the day's latest `title`."""
    keys = thumbnails.select("captured_at", "video_id", "content_hash", "source").collect()
    keys = keys.sort("captured_at", "video_id", "content_hash")
    named = snapshots.drop_nulls("title").group_by("video_id", _DAY.alias("day"))
    titles = named.agg(pl.col("title").max_by("captured_at")).collect()
    for batch in embedding.batches(embedding.pictures(thumbnails), keys, _BATCH):
        dated = batch.join(keys, on=["captured_at", "video_id", "content_hash"], maintain_order="left")
        titled = dated.with_columns(_DAY.alias("day")).join(titles, on=["video_id", "day"], how="left")
        yield titled.sort("captured_at", "video_id", "content_hash")


def _rows(
    pictures: pl.DataFrame, matrix: np.ndarray[Any, np.dtype[np.float64]], match: TitleMatch | str
) -> pl.DataFrame:
    """`pair_tables.THUMBNAIL_SCORES` of some pictures; what was not measured is null."""
    scores = pl.DataFrame(matrix, schema=dict.fromkeys(PICTURE_SCORES, pl.Float64), orient="row")
    matched = [None] * pictures.height
    if isinstance(match, TitleMatch):
        matched = match.of(pictures["item"].to_list(), pictures["title"].to_list()).tolist()
    scores = scores.with_columns(pl.Series("title_match", matched, pl.Float64)).fill_nan(None)
    return pl.concat([pictures, scores], how="horizontal").select(THUMBNAIL_SCORES.schema.names())


def _told(of_day: pl.DataFrame, unreadable: dict[str, int], match: TitleMatch | str) -> dict[str, Any]:
    """The figures of a day, and its first rows."""
    reasons = pl.DataFrame(
        {"reason": list(unreadable), "thumbnails": list(unreadable.values())},
        schema={"reason": pl.String, "thumbnails": pl.Int64},
    )
    matched = {"title_match_by": match.revision} if isinstance(match, TitleMatch) else {"title_match_left_out": match}
    return {
        "thumbnails": of_day.height,
        "unreadable": sum(unreadable.values()),
        "unreadable_by_reason": table_metadata(reasons.sort("thumbnails", "reason", descending=[True, False])),
        "without_title_match": of_day["title_match"].null_count(),
        "scores": table_metadata(learned.score_coverage(of_day)),
        **matched,
        **preview(of_day, rows=3),
    }


@dg.asset(
    group_name="features",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(RANKING_TARGETS),
    partitions_def=by_horizon,
    io_manager_key="tables",
    ins={"thumbnail_scores": EVERY_DAY_IF_ANY, "video_analytics": dg.AssetIn(metadata={"optional": True})},
    check_specs=[schema_check(RANKING_TARGETS)],
    retry_policy=RETRIES,
)
@faults_are_final
def ranking_targets(
    horizon_targets: pl.DataFrame,
    metadata_features: pl.DataFrame,
    split_manifest: pl.DataFrame,
    thumbnail_scores: pl.LazyFrame,
    video_analytics: pl.DataFrame,
) -> Iterator[dg.MaterializeResult[pl.DataFrame]]:
    """What the ranker's heads learn of each video: CTR relative to its channel, and the scores of its first thumbnail.

    Where CTR was not measured, views stand in for it.
    """
    made = learned.ranking_targets(
        horizon_targets,
        metadata_features,
        split=split_manifest,
        scores=thumbnail_scores,
        analytics=video_analytics,
    )
    table, conforms = conforming(RANKING_TARGETS, made)
    yield dg.MaterializeResult(
        value=table,
        metadata={
            **learned.ctr_coverage(table, video_analytics),
            "scores": table_metadata(learned.score_coverage(table)),
            **preview(table, of_api=API in horizon_targets["source"]),
        },
        check_results=[conforms],
    )
