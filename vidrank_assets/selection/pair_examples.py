"""The pairs that say most about a ranker: those it was surest of, right and wrong."""

from typing import NamedTuple

import polars as pl

from vidrank_assets.selection.pair_probability import PairProbability, winner_probability

#: How many pairs of each kind.
N_OF_EACH = 5


class Surest(NamedTuple):
    """Pairs as given, and `of_winner`, the probability that was said of the side that won; the surest first."""

    right: pl.DataFrame
    wrong: pl.DataFrame


def surest(probability: PairProbability, pairs: pl.DataFrame, *, n: int = N_OF_EACH) -> Surest:
    """The pairs whose winner was given the highest probability, and the lowest; no video is in two of them.

    Of equally sure ones that whose scores are further apart comes first, then by ids.

    pairs: as `Trial.pair_predictions`; those of equal targets are left out. Fewer than n where there are no more.
    """
    decided = pairs.filter(pl.col("target_a") != pl.col("target_b"))
    if decided.is_empty():
        nothing = decided.with_columns(of_winner=pl.lit(None, pl.Float64))
        return Surest(nothing, nothing)
    said = decided.with_columns(
        of_winner=pl.Series(winner_probability(probability, decided)),
        _apart=(pl.col("score_a") - pl.col("score_b")).abs(),
    ).sort("_apart", "video_id_a", "video_id_b", descending=[True, False, False], maintain_order=True)
    right = said.filter(pl.col("of_winner") > 0.5).sort("of_winner", descending=True, maintain_order=True)  # noqa: PLR2004
    wrong = said.filter(pl.col("of_winner") < 0.5).sort("of_winner", maintain_order=True)  # noqa: PLR2004
    taken: set[str] = set()
    return Surest(*(_of_new_videos(rows.drop("_apart"), n, taken) for rows in (right, wrong)))


def _of_new_videos(rows: pl.DataFrame, n: int, taken: set[str]) -> pl.DataFrame:
    """The first n rows whose videos were not taken before; taken: grows by theirs."""
    kept: list[int] = []
    for at, videos in enumerate(rows.select("video_id_a", "video_id_b").iter_rows()):
        if len(kept) == n:
            break
        if taken.isdisjoint(videos):
            taken.update(videos)
            kept.append(at)
    return rows[kept]
