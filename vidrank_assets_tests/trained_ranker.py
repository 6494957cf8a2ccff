"""A store and an instance in which a small ranker is trained: bright thumbnails win on every channel."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import numpy as np
import polars as pl
from PIL import Image

from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard, slice_metrics
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.selection.run_record import config_used, data_summary
from vidrank_assets.selection.task import Cell, OfHorizon, task
from vidrank_assets.storage import Storage
from vidrank_assets.tables import TABLES

CELL = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})
RUN = "models/snapshots/run_id=r1/model=pairwise_ranker/strategy=concat/horizon=7d"
ENCODERS = {"image": "thumbnail_statistics@2", "text": "title_ngrams@1"}
N_CHANNELS, N_OF_CHANNEL = 24, 20
_PARTS = ["train"] * 10 + ["val"] * 5 + ["test"] * 5
_FIRST = datetime(2026, 1, 5, tzinfo=UTC)
#: What a channel's videos usually reach, in log views.
LEVEL = 8.0


@dataclass(frozen=True)
class TrainedRanker:
    """Where everything lies, and the snapshot itself."""

    instance: dg.DagsterInstance
    store: Storage
    snapshot: ModelSnapshot


def picture(brightness: float, size: tuple[int, int] = (128, 72)) -> bytes:
    """A thumbnail of one grey with a darker square in its middle."""
    packed = BytesIO()
    shown = Image.new("L", size, round(brightness))
    shown.paste(round(brightness / 2), (size[0] // 3, size[1] // 3, size[0] // 2, size[1] // 2))
    shown.convert("RGB").save(packed, "PNG")
    return packed.getvalue()


def table(name: str, **columns: object) -> pl.DataFrame:
    """A declared table with those columns filled and the others null."""
    schema = TABLES[name].schema
    nulls = [None] * len(next(iter(columns.values())))  # type: ignore[arg-type]
    return pl.DataFrame({each: pl.Series(columns.get(each, nulls), dtype=t) for each, t in schema.items()})


@contextmanager
def trained_ranker(root: Path) -> Iterator[TrainedRanker]:
    """Train it, and store and record what the graph would."""
    store, videos = Storage(str(root)), _videos()
    fused = _fused(videos)
    key = store.write_shard("fused/concat", fused.video_ids, fused.matrix, fused.blocks)
    tables = _tables(videos)
    manifest = table(
        "fused_manifest",
        video_id=videos["video_id"],
        fusion_strategy=["concat"] * videos.height,
        fused_key=[key] * videos.height,
        shard_idx=range(videos.height),
        image_present=[1] * videos.height,
        text_present=[1] * videos.height,
    )
    thumbnails = table(
        "thumbnails",
        video_id=videos["video_id"],
        content_hash=[f"h{video}" for video in videos["video_id"]],
        captured_at=videos["published_at"],
        image=videos["image"],
        source=["sample"] * videos.height,
    )
    store.write_table("thumbnails/day=2026-01-05/data.parquet", thumbnails)
    sha256 = store.write_table("fused_embeddings/strategy=concat/data.parquet", manifest).sha256
    sums = {name: store.write_table(f"{name}/horizon=7d/data.parquet", rows).sha256 for name, rows in tables.items()}
    snapshot = _snapshot(tables, fused, {**sums, "fused_embeddings": sha256})
    with TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        snapshot.save(Path(folder))
        stored = store.write_artifact(RUN, Path(folder))
        record(instance, "fused_embeddings", "concat", sha256=sha256, encoders=ENCODERS)
        record(instance, "models/pairwise_ranker", CELL, sha256=stored.sha256, artifact=stored.key)
        yield TrainedRanker(instance, store, snapshot)


def record(instance: dg.DagsterInstance, asset: str, partition: str, **metadata: object) -> None:
    """Say of an asset that it was materialized."""
    key = dg.AssetKey(asset.split("/"))
    instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition, metadata=metadata))


def _videos() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    n = N_CHANNELS * N_OF_CHANNEL
    brightness = rng.uniform(60, 250, n)
    at = np.arange(n)
    target = LEVEL + 2 * (brightness - 155) / 95 + rng.normal(0, 0.4, n)
    return pl.DataFrame(
        {
            "video_id": [f"v{i:04d}" for i in at],
            "channel_id": [f"c{i % N_CHANNELS:02d}" for i in at],
            "title": [f"What word{i % 31} does with word{i % 17}" for i in at],
            "image": [picture(each) for each in brightness],
            "brightness": brightness,
            "target_log": target,
            "split": [_PARTS[i // N_CHANNELS] for i in at],
            "published_at": [_FIRST + timedelta(hours=6 * int(i)) for i in at],
        }
    )


def _fused(videos: pl.DataFrame) -> Vectors:
    made = {"image": ThumbnailStatistics().encode(videos["image"].to_list())}
    made["text"] = TitleNgrams().encode(videos["title"].to_list())
    present = np.ones(videos.height, bool)
    fused = load_fusion("concat")({name: Modality(each.matrix, present) for name, each in made.items()})
    return Vectors(tuple(videos["video_id"]), fused.matrix, fused.blocks)


def _tables(videos: pl.DataFrame) -> dict[str, pl.DataFrame]:
    n = videos.height
    ids, usual = videos["video_id"], [LEVEL] * n
    features = table("metadata_features", video_id=ids, channel_target_mean=usual)
    pairs = _pairs(videos)
    later = pairs.join(features, left_on="video_id_b", right_on="video_id", how="left", maintain_order="left")
    known = {name: videos[name] for name in ("channel_id", "title", "published_at")}
    return {
        "metadata_features": features,
        "horizon_targets": table(
            "horizon_targets",
            video_id=ids,
            horizon_days=[7] * n,
            horizon_label_type=["observed"] * n,
            source=["sample"] * n,
            video_age_hours_at_snapshot1=[5.0] * n,
            first_captured_at=videos["published_at"],
            **known,
        ),
        "split_manifest": table(
            "split_manifest",
            video_id=ids,
            split=videos["split"],
            text_present=[1] * n,
            target_log=videos["target_log"],
            target_raw=videos["target_log"].exp() - 1,
        ),
        "training_pairs": pairs,
        "paired_features": later.with_columns(video_id="video_id_b")
        .select(TABLES["paired_features"].schema.names())
        .filter(pl.col("split") != "train"),
        "ranking_targets": table(
            "ranking_targets",
            video_id=ids,
            channel_id=videos["channel_id"],
            ctr=1 / (1 + (LEVEL - videos["target_log"]).exp()),
            ctr_source=["proxy"] * n,
            contrast=videos["brightness"] / 255,
            clarity=1 - videos["brightness"] / 255,
        ),
    }


def _pairs(videos: pl.DataFrame) -> pl.DataFrame:
    """All of one channel and part, the earlier first."""
    a = videos.select("channel_id", "split", video_id_a="video_id", a="target_log", at_a="published_at")
    b = videos.select("channel_id", "split", video_id_b="video_id", b="target_log", at_b="published_at")
    both = a.join(b, on=["channel_id", "split"], maintain_order="left_right").filter(pl.col("at_a") < pl.col("at_b"))
    made = both.with_columns(
        winner=(pl.col("a") > pl.col("b")).cast(pl.Int64),
        margin=1 - (-(pl.col("a") - pl.col("b")).abs()).exp(),
        days_apart=(pl.col("at_b") - pl.col("at_a")).dt.total_seconds() / 86400,
        judged_by=pl.lit("views"),
    )
    return made.select(TABLES["training_pairs"].schema.names()).sort("video_id_a", "video_id_b")


def _snapshot(tables: dict[str, pl.DataFrame], fused: Vectors, sums: dict[str, str]) -> ModelSnapshot:
    work = task(Cell("concat", 7, data_source="sample"), OfHorizon(**tables), fused)
    made = trial(work, "pairwise_ranker", parameters={"max_epochs": 3, "batch_size": 128, "learning_rate": 1e-3})
    return ModelSnapshot(
        trials=[made],
        leaderboard=leaderboard([made], [made.name], run_id="r1", ranking=Ranking("rmse_log", resamples=20)),
        slice_metrics=slice_metrics([made], run_id="r1"),
        split_manifest=tables["split_manifest"],
        config=config_used(work, [made], data_versions=sums),
        data=data_summary(work, tables["horizon_targets"]),
        made_at=_FIRST,
    )
