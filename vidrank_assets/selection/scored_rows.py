"""The rows of a trial that a metric reads, and whether those of several trials are the same."""

import hashlib
from collections.abc import Sequence
from typing import Any

import polars as pl

from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.bootstrap import READS
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.metrics import Metric


def check_comparable(trials: Sequence[Trial]) -> None:
    """Raises InvalidInput: there are none, they are of several cells, one family is there twice, or rows differ."""
    if not trials or len({each.cell for each in trials}) > 1 or len({each.name for each in trials}) < len(trials):
        found = ", ".join(f"{each.name} on {each.cell}" for each in trials) or "no trials"
        raise InvalidInput(
            f"what is compared must be one trial per family, all of one strategy, horizon and information set; found "
            f"{found}. Take each partition by itself."
        )
    rows = trials[0].predictions.select("video_id", "split", "y_true")
    if unlike := [each.name for each in trials if not each.predictions.select(rows.columns).equals(rows)]:
        raise InvalidInput(
            f"all families must be scored on the same videos; {', '.join(unlike)} differ from {trials[0].name}. "
            "Materialize them again on one split."
        )


def scorable(metric: Metric, each: Trial, part: str) -> pl.DataFrame:
    """The rows of a part that the metric reads: its videos, or its pairs with different targets."""
    if metric.of == "videos":
        return each.predictions.filter(split=part)
    return each.pair_predictions.filter(pl.col("split") == part, pl.col("target_a") != pl.col("target_b"))


def value(metric: Metric, each: Trial, part: str) -> float:
    """The metric on a part; NaN where it is not defined."""
    rows = scorable(metric, each, part)
    return metric.value(*columns_of(metric, rows)) if rows.height else float("nan")


def columns_of(metric: Metric, rows: pl.DataFrame) -> list[Any]:
    """What the metric's function takes."""
    return [rows[name].to_numpy() for name in READS[metric.of]]


def fingerprint(each: Trial) -> str:
    """12 hexadecimal digits of the SHA-256 of the videos of val and of test and what they reached, by their ids.

    Scores are comparable only where it is equal.
    """
    rows = each.predictions.sort("split", "video_id")
    digest = hashlib.sha256("\n".join(rows["split"] + " " + rows["video_id"]).encode())
    digest.update(rows["y_true"].to_numpy().astype("<f8").tobytes())
    return digest.hexdigest()[:12]
