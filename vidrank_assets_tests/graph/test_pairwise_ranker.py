"""What the pairwise ranker must be able to do, where the answer is known: phase 1, on stored vectors.

Half of the sample world's videos are dealt to train, with seven pairs each about 20,000, and four tenths to test: the
default split would leave so few test pairs that an interval of the difference between two families is wider than it.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.catalog import FAMILIES
from vidrank_assets.dataset.candidates import candidates, dealt
from vidrank_assets.dataset.pairs import pair_moments, training_pairs
from vidrank_assets.dataset.snapshots import first_captures
from vidrank_assets.dataset.targets import horizon_targets
from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.metadata import Captured, metadata_features
from vidrank_assets.features.ranking_targets import ranking_targets
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.pair_tables import THUMBNAIL_SCORES, VIDEO_ANALYTICS
from vidrank_assets.selection.bootstrap import Bootstrapped, bootstrapped
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.metrics import METRICS, pairwise_auc
from vidrank_assets.selection.task import Cell, OfHorizon, Task, task

PAIRWISE_AUC = METRICS["pairwise_auc"]
BASELINES = [
    name for name, entry in FAMILIES.entries.items() if entry.origin == "baseline" and entry.needs == "publish"
]


class Judged(NamedTuple):
    """Test pairs by every family, and by the truth: what picture and title are worth, without noise."""

    n_train_pairs: int
    families: dict[str, Bootstrapped]
    truth: Bootstrapped


@pytest.fixture(scope="module")
def judged() -> Judged:
    world = SampleWorld(n_channels=400, n_days=180)
    made = task_of(world)
    pairs = made.pairs.filter(split="test")
    truth = world.truth(world.days(), age=timedelta(days=7)).with_columns(
        worth=pl.col("title_part") + pl.col("picture_part")
    )
    worth = dict(truth.select("video_id", "worth").iter_rows())
    parameters = {"pairwise_ranker": {"max_epochs": 8}}
    return Judged(
        len(made.parts["train"].comparisons.pairs),
        {
            name: bootstrapped(
                PAIRWISE_AUC, trial(made, name, parameters=parameters.get(name)).pair_predictions.filter(split="test")
            )
            for name in ("pairwise_ranker", "lambdarank", *BASELINES)
        },
        bootstrapped(PAIRWISE_AUC, scored(pairs, worth)),
    )


def task_of(world: SampleWorld) -> Task:
    """Labels at 7 days and the vectors of the embedded encoders, with every pair that a channel has."""
    captures = world.snapshots(world.days()).rows.lazy()
    first, labels = first_captures(captures), horizon_targets(captures, HORIZONS["7d"])
    captured = Captured(first, labels, world.channel_snapshots(world.days()).rows)
    features, videos = metadata_features(captured), candidates(labels, first, captured.channels)
    split = dealt(videos, "all", policy="time", ratios=(0.5, 0.1, 0.4)).manifest
    pairs = training_pairs(videos.join(split.select("video_id", "split"), on="video_id"), pairs_per_video=7)
    held_out = pairs.filter(pl.col("split") != "train")
    paired = pl.concat([held_out, metadata_features(captured, pair_moments(held_out, videos))], how="horizontal")
    scores, analytics = THUMBNAIL_SCORES.empty().lazy(), VIDEO_ANALYTICS.empty()
    targets = ranking_targets(labels, features, split=split, scores=scores, analytics=analytics)
    return task(Cell("concat", 7), OfHorizon(features, labels, split, pairs, paired, targets), vectors(world, first))


def vectors(world: SampleWorld, first: pl.DataFrame) -> Vectors:
    pictures = first.select("video_id").join(world.thumbnails(world.days()).rows, on="video_id", how="left")
    there = np.ones(first.height, bool)
    image = ThumbnailStatistics().encode(pictures["image"].to_list()).matrix
    text = TitleNgrams().encode(first["title"].fill_null("").to_list()).matrix
    fused = load_fusion("concat")({"image": Modality(image, there), "text": Modality(text, there)})
    return Vectors(tuple(first["video_id"]), fused.matrix, fused.blocks)


def scored(pairs: pl.DataFrame, worth: dict[str, float]) -> pl.DataFrame:
    sides = {f"score_{side}": pairs[f"video_id_{side}"].replace_strict(worth) for side in "ab"}
    return pairs.with_columns(**sides)


@pytest.mark.slow
def test_with_20000_pairs_it_is_within_0_02_of_a_model_that_knows_the_truth(judged):
    assert 20_000 <= judged.n_train_pairs <= 22_000
    assert judged.families["pairwise_ranker"].over(judged.truth).value > -0.02


@pytest.mark.slow
def test_it_beats_lambdarank_and_every_baseline_with_the_interval_above_zero(judged):
    ranker = judged.families["pairwise_ranker"]
    gains = {name: ranker.over(other) for name, other in judged.families.items() if name != "pairwise_ranker"}
    assert {"lambdarank", *BASELINES} == set(gains)
    assert {name: gain for name, gain in gains.items() if not gain.low > 0} == {}


def test_a_planted_correlation_of_one_half_within_channels_is_recovered_from_pairs():
    """Of two normal variables with correlation r, a pair's differences have one sign with probability 1/2 + asin(r)/pi.

    Source: Sheppard 1899, On the application of the theory of error to cases of normal distribution.
    """
    rng = np.random.default_rng(0)
    n_channels, n_each, correlation = 500, 60, 0.5
    outcome = rng.normal(size=n_channels * n_each)
    score = correlation * outcome + np.sqrt(1 - correlation**2) * rng.normal(size=len(outcome))
    channel = np.repeat(np.arange(n_channels), n_each)
    level = rng.normal(0, 2, n_channels)[channel]  # between channels nothing is to be seen of either
    start = datetime(2026, 1, 1, tzinfo=UTC)
    videos = pl.DataFrame(
        {
            "video_id": [f"v{i}" for i in range(len(outcome))],
            "channel_id": [f"c{i}" for i in channel],
            "published_at": [start + timedelta(days=i % n_each) for i in range(len(outcome))],
            "target_raw": np.exp(5 + level + outcome),
            "split": "test",
            "score": score - 3 * level,
        }
    ).cast({"published_at": pl.Datetime("us", "UTC")})
    pairs = training_pairs(videos.drop("score"))
    a, b = (pairs.select(video_id=f"video_id_{s}").join(videos, on="video_id", maintain_order="left") for s in "ab")
    columns = (side[name].to_numpy() for name in ("target_raw", "score") for side in (a, b))
    target_a, target_b, score_a, score_b = columns
    # the level of a channel is in both scores of a pair
    assert pairwise_auc(target_a, target_b, score_a, score_b) == pytest.approx(0.5 + np.arcsin(0.5) / np.pi, abs=0.01)
    assert ((target_a > target_b) == (pairs["winner"] == 1).to_numpy()).all()
