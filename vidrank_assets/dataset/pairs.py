"""Pairs of one channel's videos, near in time, of which one did better."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.pair_tables import TRAINING_PAIRS

Rows = NDArray[np.int64]

_ORDER = ("channel_id", "split", "published_at", "video_id")


def training_pairs(
    videos: pl.DataFrame,
    *,
    days_apart: int = 30,
    pairs_per_video: int = 8,
    pairs_per_channel: int = 500,
    seed: int = 42,
) -> pl.DataFrame:
    """`pair_tables.TRAINING_PAIRS`: a is published first (of two at once, the smaller id), winner 1 when a reached more.

    videos: video_id, channel_id, published_at, target_raw (views, or views per hour), split; a row with a null among
    them makes no pair. Both videos of a pair have one channel and one split, are published at most `days_apart` apart
    and have different targets.

    A video is in at most `pairs_per_video` pairs, a channel in at most `pairs_per_channel` of one split. Which ones is
    drawn from `seed`, whatever the order of the rows: every video draws that many partners, uniformly from all that it
    has; of those drawn, the pairs within the caps of both videos in a random order, then of the channel, are kept.
    What is not drawn is never listed, so a busy channel costs no more than what it keeps: O(n log n + pairs).
    """
    rows = videos.select(*_ORDER, "target_raw").drop_nulls().sort(_ORDER)
    generator = np.random.default_rng(seed)
    pairs = _paired(rows, _drawn_pairs(*_reach(rows, timedelta(days=days_apart)), pairs_per_video, generator))
    pairs = pairs.with_columns(lot=pl.Series(generator.permutation(pairs.height), dtype=pl.Int64))
    pairs = pairs.filter(pl.col("target_a") != pl.col("target_b"))
    pairs = _first_drawn(pairs, pairs_per_video)
    pairs = pairs.filter(pl.col("lot").rank("ordinal").over("channel_id", "split") <= pairs_per_channel)
    return _described(pairs).sort(TRAINING_PAIRS.key)


def pair_moments(pairs: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """When to look at the channel for the later video of each pair: video_id (that of b) and as_of, one row per pair.

    as_of is the publication of a. With it both sides see one channel history, which holds the outcome of neither;
    at its own publication, b's would hold a's outcome, and noise would be ranked better or worse than chance.

    pairs: `pair_tables.TRAINING_PAIRS`. videos: video_id and published_at.
    """
    published = videos.select("video_id", as_of="published_at")
    dated = pairs.join(published, left_on="video_id_a", right_on="video_id", how="left", maintain_order="left")
    return dated.select(video_id="video_id_b", as_of="as_of")


def _reach(rows: pl.DataFrame, apart: timedelta) -> tuple[Rows, Rows]:
    """The first and the last row of each row's channel and split that are published at most `apart` from it.

    Both (n_videos,). Rows are sorted by channel, split and publication, so all between the two are within reach too.
    """
    within = ["channel_id", "split"]
    here = rows.select(*within, "published_at", last=pl.int_range(pl.len(), dtype=pl.Int64)).sort(
        "published_at", "last"
    )
    later = here.with_columns(pl.col("published_at") + apart).rename({"last": "row"})
    last = later.join_asof(here, on="published_at", by=within, check_sortedness=False).sort("row")["last"].to_numpy()
    return np.searchsorted(last, np.arange(rows.height)), last


def _drawn_pairs(first: Rows, last: Rows, most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Pairs of rows, the smaller first, each once and in order: (n_pairs, 2)."""
    row, number = _drawn(last - first, most, generator)
    partner = first[row] + number
    partner += partner >= row  # a row is no partner of itself
    numbered = np.unique(np.minimum(row, partner) * len(first) + np.maximum(row, partner))
    return np.stack(np.divmod(numbered, max(len(first), 1)), axis=1)


def _drawn(sizes: Rows, most: int, generator: np.random.Generator) -> tuple[Rows, Rows]:
    """For each row, `most` different numbers below its size, or all of them: rows and numbers, each (n_drawn,).

    Uniform over the subsets, without listing what is not drawn. Source: Floyd's algorithm, in Bentley & Floyd, A sample
    of brilliance, CACM 1987: number j of k comes from the first size - k + j + 1, and is the last of those if it is a
    repetition.
    """
    counts = np.minimum(sizes, most)
    drawn = np.full((len(sizes), counts.max(initial=0)), -1, np.int64)
    for j in range(drawn.shape[1]):
        rows = np.flatnonzero(counts > j)
        last = sizes[rows] - counts[rows] + j
        number = generator.integers(0, last + 1)
        repeated = (drawn[rows, :j] == number[:, None]).any(axis=1)
        drawn[rows, j] = np.where(repeated, last, number)
    row, place = np.nonzero(drawn >= 0)
    return row, drawn[row, place]


def _paired(rows: pl.DataFrame, pairs: NDArray[np.int64]) -> pl.DataFrame:
    """One row per pair, with what is known of each side."""
    sides = ["video_id", "published_at", "target_raw"]
    a = rows[pairs[:, 0]].select("channel_id", "split", *sides).rename(_suffixed(sides, "a"))
    return pl.concat([a, rows[pairs[:, 1]].select(sides).rename(_suffixed(sides, "b"))], how="horizontal")


def _suffixed(names: Sequence[str], side: str) -> dict[str, str]:
    return {name: f"{name.removesuffix('_raw')}_{side}" for name in names}


def _first_drawn(pairs: pl.DataFrame, most: int) -> pl.DataFrame:
    """The pairs that are among the `most` with the lowest lots of both their videos."""
    ends = pl.concat([pairs.select("lot", video_id="video_id_a"), pairs.select("lot", video_id="video_id_b")])
    kept = ends.filter(pl.col("lot").rank("ordinal").over("video_id") <= most)
    both = kept.group_by("lot").len().filter(pl.col("len") == 2)  # noqa: PLR2004
    return pairs.join(both, on="lot", how="semi", maintain_order="left")


def _described(pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs with winner, margin and days apart."""
    a, b = pl.col("target_a"), pl.col("target_b")
    apart = pl.col("published_at_b") - pl.col("published_at_a")
    return pairs.select(
        "video_id_a",
        "video_id_b",
        "channel_id",
        winner=(a > b).cast(pl.Int64),
        margin=((a - b).abs() / pl.max_horizontal(a, b)).cast(pl.Float64),
        days_apart=apart.dt.total_seconds(fractional=True) / 86_400,
        split="split",
        judged_by=pl.lit("views"),
    )
