"""The canary in the graph: where nothing within a channel can be known, every family must rank pairs at 0.50.

Targets are shuffled within their channel before the channel history is made of them. Given the histories and the
training targets, the two targets of a test pair are then exchangeable, so a score that knows no more than that is right
half of the time, whatever it has learned. Only test pairs are judged: val chooses when the trees stop growing.

First captures are not shuffled, and the dense history made of them (channel_first_*) leaks nothing: both sides of a
dated pair see the same one, and what a video showed on its first day says nothing of the target it was dealt.

A single shuffle of the 180 test pairs of the default split has a standard error of 0.04. So half of the videos are
dealt to test, which gives ten times the pairs, and several shuffles are pooled; the tests state the error they reach.
"""

from collections.abc import Sequence
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
from vidrank_assets.features.encoders.base import Encoder
from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.metadata import Captured, metadata_features
from vidrank_assets.features.ranking_targets import ranking_targets
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.pair_tables import THUMBNAIL_SCORES, VIDEO_ANALYTICS
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.metrics import pairwise_auc
from vidrank_assets.selection.task import Cell, OfHorizon, Task, task

PUBLISH = [name for name, entry in FAMILIES.entries.items() if entry.needs == "publish"]
#: They predict the same for both sides of a dated pair: all they know is the channel.
CHANNEL_ONLY = ["train_mean", "channel_median", "channel_mean"]
NETS = ["gbdt", "concat_mlp", "gated_fusion_mlp", "pairwise_ranker"]
WITHOUT_NETS = [name for name in PUBLISH if name not in NETS]
#: Nets that take little time: what leaks, leaks into these too.
SMALL = {
    "gbdt": {"projector_epochs": 4},
    "concat_mlp": {"hidden": [64], "max_epochs": 10},
    "gated_fusion_mlp": {"tower": 32, "max_epochs": 10},
    "pairwise_ranker": {"max_epochs": 2},
}
HALF_IS_TEST = (0.4, 0.1, 0.5)


class World(NamedTuple):
    """What was captured, and the vectors of what was seen: nothing here depends on the shuffle."""

    first: pl.DataFrame
    channels: pl.DataFrame
    labels: pl.DataFrame
    fused: Vectors


class Score(NamedTuple):
    """The pooled AUC of all shuffles, and the standard error that their spread gives it."""

    auc: float
    error: float


def world_of(n_channels: int, *, with_pictures: bool) -> World:
    """The sample world, its labels at 7 days, and the vectors that the embedded encoders make of it."""
    world = SampleWorld(n_channels=n_channels)
    days = world.days()
    captures = world.snapshots(days).rows.lazy()
    first = first_captures(captures)
    modalities = {"text": encoded(TitleNgrams(), first["title"].fill_null("").to_list())}
    if with_pictures:
        pictures = first.select("video_id").join(world.thumbnails(days).rows, on="video_id", how="left")
        modalities["image"] = encoded(ThumbnailStatistics(), pictures["image"].to_list())
    fused = load_fusion("concat")(modalities)
    vectors = Vectors(tuple(first["video_id"]), fused.matrix, fused.blocks)
    return World(first, world.channel_snapshots(days).rows, horizon_targets(captures, HORIZONS["7d"]), vectors)


def encoded(encoder: Encoder, items: Sequence) -> Modality:
    return Modality(encoder.encode(items).matrix, np.ones(len(items), bool))


def shuffled_within_channel(labels: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The same targets, each with another video of its channel."""
    missing = pl.col("target_log").is_null()
    known = labels.filter(~missing).sort("channel_id", "video_id")
    lots = pl.Series(np.random.default_rng(seed).random(known.height))
    dealt_again = known.with_columns(lot=lots).sort("channel_id", "lot").select("target_log", "target_raw")
    return pl.concat([known.with_columns(dealt_again), labels.filter(missing)])


def null_task(world: World, labels: pl.DataFrame) -> tuple[Task, int]:
    """The task made of shuffled labels, its test pairs twice: dated, then with the later side as at its own time."""
    captured = Captured(world.first, labels, world.channels)
    features = metadata_features(captured)
    videos = candidates(labels, world.first, world.channels)
    split = dealt(videos, "default", policy="time", ratios=HALF_IS_TEST).manifest
    all_pairs = training_pairs(videos.join(split.select("video_id", "split"), on="video_id"))
    pairs = all_pairs.filter(split="test")
    dated = metadata_features(captured, pair_moments(pairs, videos))
    undated = pairs.select(video_id="video_id_b").join(features, on="video_id", how="left", maintain_order="left")
    both = pl.concat([pl.concat([pairs, pairs]), pl.concat([dated, undated])], how="horizontal")
    scores, analytics = THUMBNAIL_SCORES.empty().lazy(), VIDEO_ANALYTICS.empty()
    targets = ranking_targets(labels, features, split=split, scores=scores, analytics=analytics)
    tables = OfHorizon(features, labels, split, all_pairs, both, targets)
    return task(Cell("concat", 7), tables, world.fused), pairs.height


def null_scores(world: World, n_shuffles: int, families: Sequence[str]) -> tuple[dict[str, Score], dict[str, Score]]:
    """The AUC of each family over some shuffles, on dated and on undated pairs."""
    scored: dict[str, list[tuple[pl.DataFrame, pl.DataFrame]]] = {family: [] for family in families}
    for seed in range(n_shuffles):
        made, n_pairs = null_task(world, shuffled_within_channel(world.labels, seed))
        for family in families:
            rows = trial(made, family, parameters=SMALL.get(family)).pair_predictions
            scored[family].append((rows.head(n_pairs), rows.tail(n_pairs)))
    return tuple({name: pooled([each[side] for each in scored[name]]) for name in families} for side in (0, 1))


def pooled(shuffles: Sequence[pl.DataFrame]) -> Score:
    each = [auc(rows) for rows in shuffles]
    return Score(auc(pl.concat(shuffles)), float(np.std(each, ddof=1) / np.sqrt(len(each))))


def auc(rows: pl.DataFrame) -> float:
    return pairwise_auc(*(rows[name].to_numpy() for name in ("target_a", "target_b", "score_a", "score_b")))


def test_targets_are_shuffled_within_their_channel_and_nowhere_else():
    labels = pl.DataFrame(
        {
            "video_id": [f"v{i}" for i in range(8)],
            "channel_id": ["c", "d"] * 4,
            "target_log": [0.0, 10.0, 1.0, 11.0, 2.0, 12.0, None, 13.0],
            "target_raw": [0.0, 100.0, 10.0, 110.0, 20.0, 120.0, None, 130.0],
        }
    )
    shuffled = shuffled_within_channel(labels, 1).sort("video_id")
    assert not shuffled.equals(labels)
    assert shuffled["channel_id"].equals(labels["channel_id"])
    assert shuffled["target_log"].null_count() == 1 and shuffled["target_log"][6] is None
    assert (shuffled["target_raw"] == shuffled["target_log"] * 10).drop_nulls().all()
    for channel in ("c", "d"):
        before, after = (table.filter(channel_id=channel)["target_log"].sort() for table in (labels, shuffled))
        assert before.equals(after)


def assert_no_better_than_chance(
    world: World, n_shuffles: int, families: Sequence[str], *, undated_fail: Sequence[str]
) -> None:
    dated, undated = null_scores(world, n_shuffles, families)
    assert all(dated[name].auc == 0.5 for name in CHANNEL_ONLY if name in families)
    told = {name: tuple(round(value, 4) for value in score) for name, score in dated.items()}
    assert all(3 * score.error < 0.02 for score in dated.values()), told
    assert all(abs(score.auc - 0.5) <= 0.02 for score in dated.values()), told
    # The later side's history then holds the earlier side's target: who did well is predicted to lose.
    told = {name: tuple(round(value, 4) for value in score) for name, score in undated.items()}
    assert all(undated[name].auc < 0.48 - 2 * undated[name].error for name in undated_fail), told


def test_shuffled_targets_are_ranked_no_better_than_chance_by_every_family_unless_pairs_are_undated():
    """Titles only, of a larger world; the nets are slower and have a test of their own."""
    assert_no_better_than_chance(
        world_of(160, with_pictures=False), 5, WITHOUT_NETS, undated_fail=["channel_median", "channel_mean"]
    )


@pytest.mark.slow
def test_shuffled_targets_are_ranked_no_better_than_chance_by_nets_too():
    assert_no_better_than_chance(world_of(160, with_pictures=False), 12, NETS, undated_fail=["concat_mlp"])


@pytest.mark.slow
def test_shuffled_targets_are_ranked_no_better_than_chance_with_pictures_too_unless_pairs_are_undated():
    """The demo's own world, and the vectors that its thumbnails and titles have there."""
    families = [name for name in WITHOUT_NETS if name != "train_mean"]
    assert_no_better_than_chance(world_of(60, with_pictures=True), 20, WITHOUT_NETS, undated_fail=families)
