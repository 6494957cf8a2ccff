"""A task over a few channels, and trials of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.selection.task import Cell, OfHorizon, Task, task
from vidrank_assets.tables import TABLES

N_CHANNELS, N_VIDEOS = 6, 120


def rows_of(table: str, **columns) -> pl.DataFrame:
    """A declared table with those columns filled and the others null."""
    nulls = [None] * len(next(iter(columns.values())))
    schema = TABLES[table].schema
    return pl.DataFrame({name: pl.Series(columns.get(name, nulls), dtype=t) for name, t in schema.items()})


@pytest.fixture(scope="session")
def tables() -> dict[str, pl.DataFrame]:
    """120 videos of 6 channels, a day apart; the fused vector and the channel's level drive the target."""
    rng = np.random.default_rng(0)
    ids = [f"v{i:03d}" for i in range(N_VIDEOS)]
    channel = np.arange(N_VIDEOS) % N_CHANNELS
    channel_id = [f"c{c}" for c in channel]
    signal = rng.normal(size=N_VIDEOS)
    target = 8 + channel / 2 + signal + rng.normal(0, 0.2, N_VIDEOS)
    part = ["train"] * 80 + ["val"] * 20 + ["test"] * 20
    return {
        "metadata_features": rows_of("metadata_features", video_id=ids, channel_target_mean=8 + channel / 2),
        "split_manifest": rows_of(
            "split_manifest",
            video_id=ids,
            split=part,
            text_present=[i % 2 for i in range(N_VIDEOS)],
            target_log=target,
            target_raw=np.expm1(target),
        ),
        "horizon_targets": rows_of(
            "horizon_targets",
            video_id=ids,
            channel_id=channel_id,
            horizon_label_type=["observed"] * N_VIDEOS,
            video_age_hours_at_snapshot1=[(i % 5) * 24.0 for i in range(N_VIDEOS)],
        ),
        "training_pairs": rows_of(  # each video with the next one of its channel
            "training_pairs",
            video_id_a=ids[:-N_CHANNELS],
            video_id_b=ids[N_CHANNELS:],
            channel_id=channel_id[:-N_CHANNELS],
            winner=(target[:-N_CHANNELS] > target[N_CHANNELS:]).astype(int),
            margin=np.abs(1 - np.exp(-np.abs(target[:-N_CHANNELS] - target[N_CHANNELS:]))),
            split=[a if a == b else "across" for a, b in zip(part, part[N_CHANNELS:], strict=False)],
            judged_by=["views"] * (N_VIDEOS - N_CHANNELS),
        ),
        "ranking_targets": rows_of("ranking_targets", video_id=ids, channel_id=channel_id),
        "signal": pl.DataFrame({"signal": signal}),
    }


@pytest.fixture(scope="session")
def fused(tables) -> Vectors:
    signal = tables["signal"]["signal"].to_numpy().astype(np.float32)
    return Vectors(tuple(tables["metadata_features"]["video_id"]), np.column_stack([signal, signal**2]), {"image": 2})


@pytest.fixture(scope="session")
def paired_features(tables) -> pl.DataFrame:
    """Every later video with a channel mean of its own, so that a test can tell it from the usual one."""
    pairs, features = tables["training_pairs"], tables["metadata_features"]
    later = pairs.select(video_id="video_id_b").join(features, on="video_id", maintain_order="left")
    return pl.concat([pairs, later.with_columns(channel_target_mean=pl.lit(1.0))], how="horizontal")


@pytest.fixture(scope="session")
def of_horizon(tables, paired_features) -> OfHorizon:
    named = {name: table for name, table in tables.items() if name != "signal"}
    return OfHorizon(**named, paired_features=paired_features)


@pytest.fixture(scope="session")
def task_of(of_horizon, fused) -> Callable[..., Task]:
    """The task over the tables, some of them replaced."""

    def made(cell: Cell | None = None, fused: Vectors = fused, **replaced: pl.DataFrame) -> Task:
        return task(cell or Cell("concat", 7), replace(of_horizon, **replaced), fused)

    return made


@pytest.fixture(scope="session")
def small_task(task_of) -> Task:
    return task_of()
