"""What every family of one grid partition is fitted on and scored on, joined once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import polars as pl

from vidrank_assets.catalog import InformationSet
from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.models.inputs import datasets, left_out, redated
from vidrank_assets.pair_tables import TRAINING_PAIRS
from vidrank_assets.tables import METADATA_FEATURES

#: Age at the first capture, in hours, at which a new slice begins.
AGE_STEPS_HOURS = (24, 48, 72)

#: Subscribers at which a new slice of channel sizes begins.
SIZE_STEPS = (1_000, 10_000, 100_000, 1_000_000)

#: The columns of predictions by which metrics are also given apart.
SLICES = ("text_present", "age_at_snapshot1", "channel_seen_in_train", "label_type", "channel_size")

SCORED = ("val", "test")


@dataclass(frozen=True)
class Cell:
    """One partition of the grid, what its models may know, and where its captures came from."""

    fusion_strategy: str
    horizon_days: int
    information_set: InformationSet = "publish"
    data_source: str = "unknown"


@dataclass(frozen=True)
class OfHorizon:
    """The tables of one horizon, each by its name in `tables.TABLES`."""

    metadata_features: pl.DataFrame
    horizon_targets: pl.DataFrame
    split_manifest: pl.DataFrame
    training_pairs: pl.DataFrame
    paired_features: pl.DataFrame
    ranking_targets: pl.DataFrame


@dataclass(frozen=True)
class LaterSides:
    """Honest pairs: the later video of each is looked at again, its channel dated at the earlier one's publication.

    pairs: `pair_tables.TRAINING_PAIRS`.
    features: `tables.METADATA_FEATURES` of video_id_b, row by row of `pairs`, dated by `dataset.pairs.pair_moments`.

    Raises InvalidInput: the rows of the two don't belong together.
    """

    pairs: pl.DataFrame
    features: pl.DataFrame

    def __post_init__(self) -> None:
        if self.pairs["video_id_b"].to_list() != self.features["video_id"].to_list():
            raise InvalidInput(
                f"features must have one row per pair, of its later video; got {self.features.height} rows for "
                f"{self.pairs.height} pairs, or other videos. Make them with metadata_features(captured, pair_moments)."
            )

    @classmethod
    def of(cls, tables: OfHorizon) -> Self:
        """The two halves of `tables.PAIRED_FEATURES`."""
        pairs, features = TRAINING_PAIRS.schema.names(), METADATA_FEATURES.schema.names()
        return cls(tables.paired_features.select(pairs), tables.paired_features.select(features))

    def among(self, video_ids: frozenset[str]) -> "LaterSides":
        """The pairs of val and test of which both videos are among these."""
        known = pl.col("video_id_a").is_in(video_ids) & pl.col("video_id_b").is_in(video_ids)
        kept = self.pairs.select(known & pl.col("split").is_in(SCORED)).to_series()
        return LaterSides(self.pairs.filter(kept), self.features.filter(kept))


@dataclass(frozen=True)
class Task:
    """What every family of one cell is fitted on and scored on: the same rows for all.

    parts: train, val and test. videos: val and test rows in their order, with title, channel, target and slices.
    pairs: val and test pairs with both targets. later: their later videos at the earlier publication, row by row.
    left_out: how many videos and pairs are in none of these, by reason.
    """

    cell: Cell
    parts: Mapping[str, Dataset]
    videos: pl.DataFrame
    pairs: pl.DataFrame
    later: Dataset
    left_out: Mapping[str, int]


def task(cell: Cell, tables: OfHorizon, fused: Vectors) -> Task:
    """The rows of one cell, joined once for all its families.

    With `snapshot1` a video that was first captured after the horizon, or whose label is its first capture, is in no
    part: what is asked would be among the features.

    Raises NoRows: a part of the split is left with no video. LeakageError: a feature outside the information set.
    """
    features, targets, later_sides = tables.metadata_features, tables.horizon_targets, LaterSides.of(tables)
    asked = _asked(cell.information_set, tables.split_manifest, targets)
    parts = datasets(features, fused, asked, cell.information_set)
    scored = frozenset(video for part in SCORED for video in parts[part].video_ids)
    sides = later_sides.among(scored)
    n_pairs = later_sides.pairs.filter(pl.col("split").is_in(SCORED)).height
    return Task(
        cell=cell,
        parts={part: _compared(videos, part, tables) for part, videos in parts.items()},
        videos=_scored_videos(parts, asked, targets.join(_sizes(features), on="video_id", how="left")),
        pairs=_targets_of_both(sides.pairs, asked),
        later=redated(sides.features, fused, cell.information_set),
        left_out={"first_seen_at_horizon": tables.split_manifest.height - asked.height}
        | left_out(features, fused, asked)
        | {"pairs_without_both": n_pairs - sides.pairs.height},
    )


def _compared(videos: Dataset, part: str, tables: OfHorizon) -> Dataset:
    pairs = tables.training_pairs.filter(split=part)
    return replace(videos, comparisons=Comparisons.of(videos.video_ids, pairs, tables.ranking_targets))


def _asked(
    information_set: InformationSet, split_manifest: pl.DataFrame, horizon_targets: pl.DataFrame
) -> pl.DataFrame:
    """The videos of the split whose first capture is not yet the answer."""
    if information_set == "publish":
        return split_manifest
    is_label = pl.col("label_known_at") <= pl.col("first_captured_at")
    after_horizon = pl.col("video_age_hours_at_snapshot1") >= pl.col("horizon_days") * 24
    return split_manifest.join(horizon_targets.filter(is_label | after_horizon), on="video_id", how="anti")


def _scored_videos(
    parts: Mapping[str, Dataset], split_manifest: pl.DataFrame, horizon_targets: pl.DataFrame
) -> pl.DataFrame:
    labels = horizon_targets.select(
        "video_id",
        "title",
        "channel_subscribers",
        channel_id=pl.coalesce("channel_id", "video_id"),  # a video without a channel is a channel of its own
        age_hours_at_snapshot1="video_age_hours_at_snapshot1",
        age_at_snapshot1=_step(pl.col("video_age_hours_at_snapshot1"), AGE_STEPS_HOURS, unit=" h"),
        label_type="horizon_label_type",
        channel_size=_step(pl.col("channel_subscribers"), SIZE_STEPS),
    )
    channels = pl.DataFrame({"video_id": parts["train"].video_ids}).join(labels, on="video_id")["channel_id"].unique()
    rows = pl.DataFrame({"video_id": [video for part in SCORED for video in parts[part].video_ids]})
    rows = rows.join(split_manifest, on="video_id", how="left", maintain_order="left")
    rows = rows.join(labels, on="video_id", how="left", maintain_order="left")
    return rows.select(
        "video_id",
        "channel_id",
        "split",
        "title",
        "channel_subscribers",
        "age_hours_at_snapshot1",
        y_true="target_log",
        text_present=pl.col("text_present").cast(pl.String),
        age_at_snapshot1="age_at_snapshot1",
        channel_seen_in_train=pl.col("channel_id").is_in(channels.implode()).cast(pl.Int64).cast(pl.String),
        label_type="label_type",
        channel_size="channel_size",
    )


def _sizes(features: pl.DataFrame) -> pl.DataFrame:
    return features.select("video_id", "channel_subscribers")


def _step(number: pl.Expr, steps: Sequence[int], *, unit: str = "") -> pl.Expr:
    """`0-24 h` and so on, a step belonging to the slice that it begins; null where the number is."""
    named = [(low, f"{low}-{high}{unit}") for low, high in pairwise((0, *steps))]
    named.append((steps[-1], f"{steps[-1]}{unit}+"))
    return pl.coalesce(pl.when(number >= low).then(pl.lit(name)) for low, name in reversed(named))


def _targets_of_both(pairs: pl.DataFrame, split_manifest: pl.DataFrame) -> pl.DataFrame:
    target = split_manifest.select("video_id", "target_log")
    for side in ("a", "b"):
        named = target.rename({"video_id": f"video_id_{side}", "target_log": f"target_{side}"})
        pairs = pairs.join(named, on=f"video_id_{side}", how="left", maintain_order="left")
    return pairs.select("video_id_a", "video_id_b", "channel_id", "split", "target_a", "target_b")
