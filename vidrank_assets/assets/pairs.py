"""Which video of a channel did better than which other."""

from collections.abc import Iterator

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.checks import conforming, schema_check
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, preview, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import by_horizon
from vidrank_assets.dataset import pairs
from vidrank_assets.dataset.splits import PARTS
from vidrank_assets.pair_tables import TRAINING_PAIRS
from vidrank_assets.settings import Settings
from vidrank_assets.tables import API

_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


class PairsConfig(dg.Config):
    """Which videos of a channel are compared."""

    days_apart: int = Field(pairs.DAYS_APART, gt=0, description="the most that may lie between the two publications")
    pairs_per_video: int = Field(8, gt=0, description="so that busy channels don't drown the rest")
    pairs_per_channel: int = Field(500, gt=0, description="of each part of the split")
    seed: int = Settings().seed


@dg.asset(
    group_name="dataset",
    kinds={"polars", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(TRAINING_PAIRS),
    partitions_def=by_horizon,
    io_manager_key="tables",
    ins={"video_analytics": dg.AssetIn(metadata={"optional": True})},
    check_specs=[schema_check(TRAINING_PAIRS)],
    retry_policy=RETRIES,
)
@faults_are_final
def training_pairs(
    config: PairsConfig,
    horizon_targets: pl.DataFrame,
    split_manifest: pl.DataFrame,
    video_analytics: pl.DataFrame,
) -> Iterator[dg.MaterializeResult[pl.DataFrame]]:
    """Pairs of videos of one channel, published near in time, of which one won.

    The winner has the higher measured click-through rate where it is known of both, else the more views at the horizon.
    """
    columns = ["video_id", "channel_id", "published_at", "target_raw"]
    videos = horizon_targets.select(columns).join(split_manifest.select("video_id", "split"), on="video_id")
    videos = videos.join(video_analytics.select("video_id", "ctr"), on="video_id", how="left")
    table, conforms = conforming(TRAINING_PAIRS, pairs.training_pairs(videos, **config.model_dump()))
    n_candidates = sum(len(earlier) for earlier, _ in pairs.candidate_pairs(videos, config.days_apart))
    sizes = dict(table["split"].value_counts().iter_rows())
    yield dg.MaterializeResult(
        value=table,
        metadata={
            **{f"{part}_pairs": sizes.get(part, 0) for part in PARTS},
            "candidate_pairs": n_candidates,
            "channels": table["channel_id"].n_unique(),
            "videos": pl.concat([table["video_id_a"], table["video_id_b"]]).n_unique(),
            "pairs_judged_by_ctr": table.filter(judged_by="ctr").height,
            "videos_with_ctr": videos["ctr"].count(),
            "median_margin": table.select(pl.col("margin").median()).item(),
            "median_days_apart": table.select(pl.col("days_apart").median()).item(),
            "quantiles": table_metadata(_quantiles(table)),
            **preview(table, of_api=API in horizon_targets["source"]),
        },
        check_results=[conforms],
    )


def _quantiles(table: pl.DataFrame) -> pl.DataFrame:
    """Of margins and days apart, one row a quantile."""
    measured = [
        table.select(pl.lit(share).alias("quantile"), pl.col("margin", "days_apart").quantile(share, "linear"))
        for share in _QUANTILES
    ]
    return pl.concat(measured)
