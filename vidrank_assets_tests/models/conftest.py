"""A small table of videos whose target follows what each kind of family can see."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from vidrank_assets.features.metadata import feature_columns
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.pair_tables import SUB_SCORES
from vidrank_assets.tables import METADATA_FEATURES


def videos_of_channels(n_videos: int, seed: int, information_set: str = "snapshot1") -> Dataset:
    """Videos of 12 channels: log views follow the channel, the fused vector and, at snapshot 1, the views so far."""
    rng = np.random.default_rng(seed)
    channel = rng.integers(0, 12, n_videos)
    level = 8 + np.linspace(-2, 2, 12)[channel]
    fused = rng.normal(size=(n_videos, 10)).astype(np.float32)
    fused /= np.linalg.norm(fused, axis=1, keepdims=True)
    target = level + 2 * fused[:, 0] + rng.normal(0, 0.1, n_videos)
    known = {
        "channel_target_mean": [None if i % 9 == 0 else float(value) for i, value in enumerate(level)],
        "channel_target_median": [None if i % 9 == 0 else float(value) for i, value in enumerate(level)],
        "channel_subscribers": np.exp(level).astype(int).tolist(),
        "title_length": rng.integers(10, 90, n_videos).tolist(),
        "title_has_digit": [None if i % 7 == 0 else bool(i % 2) for i in range(n_videos)],
        "category_id": [None if i % 8 == 0 else f"{c % 4}" for i, c in enumerate(channel)],
        "query": [f"once only {i}" if i % 10 == 0 else "tech" for i in range(n_videos)],
        "views_at_snapshot1": [None if i % 11 == 0 else int(np.expm1(t) / 4) for i, t in enumerate(target)],
    }
    columns = pl.DataFrame(
        {
            name: pl.Series(known.get(name, [None] * n_videos), dtype=METADATA_FEATURES.schema[name])
            for name in feature_columns(information_set)
        }
    )
    ids = tuple(f"v{i:04d}" for i in range(n_videos))
    compared = comparisons_of(channel, target, level)
    return Dataset(columns, Vectors(ids, fused, {"image": 6, "text": 4}), target, compared)


def comparisons_of(channel: np.ndarray, target: np.ndarray, level: np.ndarray) -> Comparisons:
    """Each video with the next four of its channel; its looks are not measured, but for how clear it is."""
    of_channel = [np.flatnonzero(channel == each) for each in np.unique(channel)]
    pairs = np.concatenate([np.column_stack([rows[:-n], rows[n:]]) for rows in of_channel for n in range(1, 5)])
    a, b = target[pairs].T
    sub_scores = np.full((len(channel), len(SUB_SCORES)), np.nan)
    sub_scores[:, 0] = 0.5
    return Comparisons(
        pairs=pairs,
        first_won=a > b,
        margin=-np.expm1(-np.abs(a - b)),
        judged_by_ctr=np.zeros(len(pairs), bool),
        channel=channel,
        ctr=1 / (1 + np.exp(level - target)),
        sub_scores=sub_scores,
    )


@pytest.fixture(scope="session")
def train() -> Dataset:
    return videos_of_channels(300, seed=0)


@pytest.fixture(scope="session")
def val() -> Dataset:
    return videos_of_channels(120, seed=1)


@pytest.fixture(scope="session")
def unlabelled(val) -> Dataset:
    return replace(val, target_log=None)


@pytest.fixture
def with_columns() -> Callable[..., Dataset]:
    """A copy of some videos with other columns."""
    return lambda videos, **columns: replace(videos, columns=videos.columns.with_columns(**columns))
