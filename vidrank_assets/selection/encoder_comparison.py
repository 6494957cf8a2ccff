"""Whether a tuned encoder ranks better than what it is compared with: the same pairs, ranked by several scores."""

from collections.abc import Mapping
from math import isnan
from typing import Any

import polars as pl

from vidrank_assets.selection.bootstrap import Bootstrapped, Interval, bootstrapped
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.task import SCORED

Figures = Mapping[str, Mapping[str, Mapping[str, float | None]]]


def ranked_pairs(pairs: pl.DataFrame, scores: Mapping[str, float]) -> pl.DataFrame:
    """Pairs with the score of each side, those left out of which one video has no score.

    pairs: `pair_tables.TRAINING_PAIRS`. scores: by video_id, higher is better.
    """
    sides = pl.DataFrame({"video_id": list(scores), "score": list(scores.values())}, schema=_SCORES)
    for side in ("a", "b"):
        named = sides.rename({"video_id": f"video_id_{side}", "score": f"score_{side}"})
        pairs = pairs.join(named, on=f"video_id_{side}", maintain_order="left")
    won = pl.col("winner").cast(pl.Float64)
    return pairs.with_columns(target_a=won, target_b=1 - won)


def compared_encoders(pairs: pl.DataFrame, scores: Mapping[str, Mapping[str, float]], *, of: str) -> Figures:
    """Pairwise AUC by part, val and test, and by who ranks; and by how much `of` is better than each of the others.

    pairs: `pair_tables.TRAINING_PAIRS`. scores: by who ranks and video_id; all of the same videos.
    Each figure has `value`, and `low` and `high`, within which 95 % of the resamples of channels fall; null where there
    is only one channel. What compares is named `tuned_over_untuned`.
    """
    figures: dict[str, dict[str, Mapping[str, float | None]]] = {}
    for part in SCORED:
        of_part = pairs.filter(split=part)
        each = {who: _auc(ranked_pairs(of_part, found)) for who, found in scores.items()}
        over = {f"{of}_over_{who}": _told(each[of].over(other)) for who, other in each.items() if who != of}
        figures[part] = {**{who: _told(found.interval) for who, found in each.items()}, **over}
    return figures


_SCORES: Mapping[str, Any] = {"video_id": pl.String, "score": pl.Float64}


def _auc(ranked: pl.DataFrame) -> Bootstrapped:
    return bootstrapped(METRICS["pairwise_auc"], ranked)


def _told(interval: Interval) -> dict[str, float | None]:
    return {name: None if isnan(value) else round(value, 6) for name, value in interval._asdict().items()}
