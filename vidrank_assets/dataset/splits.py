"""Which videos are trained on, tuned on and tested on.

- `random`: a seeded shuffle, cut at the ratios.
- `time`: by publication, oldest first, cut at the ratios.
- `channel`: whole channels, larger ones first, each to the part that it fills least.
- `time_channel`: channels in the order of their middle publication are cut in three, and so is time; a video is kept
  where the two agree, and left out where they do not. The cuts are those that keep most videos at the ratios asked.
"""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput, SplitTooSmall
from vidrank_assets.settings import SplitPolicy
from vidrank_assets.tables import SPLIT_MANIFEST

Ints = NDArray[np.int64]
Ratios = tuple[float, float, float]

PARTS = ("train", "val", "test")
MIN_VIDEOS = 12
RATIOS: Ratios = (0.70, 0.15, 0.15)


def split_manifest(
    videos: pl.DataFrame,
    *,
    policy: SplitPolicy,
    ratios: Ratios = RATIOS,
    seed: int = 42,
    horizon: str | None = None,
) -> pl.DataFrame:
    """Each video's part, train, val or test: `tables.SPLIT_MANIFEST`, sorted by video_id.

    videos: `video_id`, `channel_id`, `published_at`, `text_present`, `target_log` and `target_raw`, in any order. Of a
        video with several rows the one with the latest `captured_at` counts. Videos without a channel_id are taken for
        one channel.
    horizon: named in the errors.

    Raises InvalidInput: the ratios are not three positive shares of 1, videos repeat without a `captured_at` or a
    publication is unknown. SplitTooSmall: fewer than 12 videos, or none in a part.
    """
    if min(ratios) <= 0 or not math.isclose(sum(ratios), 1, abs_tol=1e-9):
        raise InvalidInput(f"ratios must be positive and sum to 1; got {ratios}. Use for instance (0.70, 0.15, 0.15).")
    rows = _one_row_each(videos).sort("published_at", "video_id")
    _refuse_too_few(rows.height, horizon)
    dealt = rows.with_columns(split=pl.Series(_deal(rows, policy, ratios, seed)).cast(pl.String)).drop_nulls("split")
    _refuse_too_few(dealt.height, horizon)
    _refuse_an_empty_part(dealt["split"], policy, horizon)
    return dealt.select(pl.col(name).cast(dtype) for name, dtype in SPLIT_MANIFEST.schema.items()).sort("video_id")


def without(manifest: pl.DataFrame, video_ids: pl.Series, *, horizon: str | None = None) -> pl.DataFrame:
    """The split without some of its videos.

    Raises SplitTooSmall: fewer than 12 videos are left, or none in a part.
    """
    kept = manifest.filter(~pl.col("video_id").is_in(video_ids.implode()))
    _refuse_too_few(kept.height, horizon)
    _refuse_an_empty_part(kept["split"], "the inclusion rules", horizon)
    return kept


def _one_row_each(videos: pl.DataFrame) -> pl.DataFrame:
    if n_unknown := videos["published_at"].null_count():
        raise InvalidInput(f"published_at must be known of each video; {n_unknown} have none. Leave them out.")
    n_again = videos.height - videos["video_id"].n_unique()
    if n_again and "captured_at" not in videos.columns:
        raise InvalidInput(
            f"videos must have one row each; {n_again} rows repeat a video_id. "
            "Keep one of them, or add captured_at so that the latest can be kept."
        )
    return videos.sort("captured_at").unique("video_id", keep="last", maintain_order=True) if n_again else videos


def _deal(rows: pl.DataFrame, policy: SplitPolicy, ratios: Ratios, seed: int) -> list[str | None]:
    """The part of each row, None where it is left out; rows are sorted by publication."""
    if policy == "random":
        by_name = rows["video_id"].arg_sort().to_numpy()
        order = by_name[np.random.default_rng(seed).permutation(rows.height)]
        parts = np.empty(rows.height, np.int64)
        parts[order] = _in_three(rows.height, ratios)
    elif policy == "time":
        parts = _in_three(rows.height, ratios)
    elif policy == "channel":
        parts = _by_channel(rows["channel_id"], ratios, seed)
    elif policy == "time_channel":
        parts = _by_time_and_channel(rows, ratios)
    else:
        raise InvalidInput(f"policy must be one of: random, time, channel, time_channel; got {policy!r}.")
    return [PARTS[part] if part >= 0 else None for part in parts]


def _in_three(n_rows: int, ratios: Ratios) -> Ints:
    """Parts 0, 1, 2 of rows in order, (n_rows,); each part is within one row of its share."""
    cuts = np.round(np.cumsum(ratios[:2]) * n_rows)
    return np.searchsorted(cuts, np.arange(n_rows), side="right")


def _by_channel(channel_id: pl.Series, ratios: Ratios, seed: int) -> Ints:
    """Whole channels to the part that is fullest least after it, relative to its ratio; larger channels first.

    This is the longest-processing-time rule for machines of different speed (Gonzalez, Ibarra & Sahni, SIAM J. Comput.
    1977). Sizes are compared as powers of two and shuffled within one, so that the seed has a say in every part.
    """
    sizes = channel_id.to_frame("channel").group_by("channel").len().sort("channel")
    shuffled = sizes[np.random.default_rng(seed).permutation(sizes.height)]
    magnitude = pl.col("len").log(2).floor()
    in_turn = shuffled.sort(magnitude, descending=True, maintain_order=True)
    filled = np.zeros(len(PARTS))
    part_of: dict[str | None, int] = {}
    for place, (channel, size) in enumerate(in_turn.iter_rows()):
        fullness = (filled + size) / np.array(ratios)
        last_chance = in_turn.height - place <= (filled == 0).sum()
        part_of[channel] = int(np.argmin(np.where(last_chance & (filled > 0), np.inf, fullness)))
        filled[part_of[channel]] += size
    return np.array([part_of[channel] for channel in channel_id])


def _by_time_and_channel(rows: pl.DataFrame, ratios: Ratios) -> Ints:
    """Older to train and newest to test, no channel in two parts, -1 where both cannot be.

    Where every channel is active all the time, a part keeps (share of channels) x (share of time) of the videos, and
    shares proportional to the square roots of the ratios keep most; where a channel is active for a short time, shares
    equal to the ratios do. So exponents from 1/2 to 1 are tried.
    """
    channels = (
        rows.select("channel_id", place=pl.int_range(pl.len()))
        .group_by("channel_id")
        .agg(size=pl.len(), middle=pl.col("place").median())
        .sort("middle", "channel_id")
    )
    before = channels["size"].cum_sum().to_numpy() - channels["size"].to_numpy() / 2
    best_kept, best = 0, np.full(rows.height, -1)
    for exponent in np.linspace(0.5, 1, 11):
        shares = np.array(ratios) ** exponent
        cuts = np.cumsum(shares / shares.sum())[:2] * rows.height
        parted = channels.select("channel_id", part=pl.Series(np.searchsorted(cuts, before, side="right")))
        by_channel = rows.join(parted, on="channel_id", how="left", nulls_equal=True, maintain_order="left")["part"]
        kept, moments = _best_moments(by_channel.to_numpy(), ratios)
        if kept > best_kept:
            by_time = np.searchsorted(moments, np.arange(rows.height), side="right")
            best_kept, best = kept, np.where(by_time == by_channel.to_numpy(), by_time, -1)
    return best


def _best_moments(parts: Ints, ratios: Ratios) -> tuple[int, tuple[int, int]]:
    """The largest number of videos of which every part can keep its ratio, and where val and test then begin.

    parts: the part of each video's channel, in the order of publication.
    """
    train, val, test = (np.flatnonzero(parts == part) for part in range(len(PARTS)))
    low, high, moments = 0, len(parts), (0, 0)
    while low < high:
        kept = (low + high + 1) // 2
        n_train, n_val, n_test = (max(1, math.ceil(ratio * kept - 1e-9)) for ratio in ratios)
        fits = n_train <= len(train) and n_test <= len(test)
        if fits:
            start_val, start_test = int(train[n_train - 1]) + 1, int(test[-n_test])
            fits = int(np.searchsorted(val, start_test) - np.searchsorted(val, start_val)) >= n_val
        if fits:
            low, moments = kept, (start_val, start_test)
        else:
            high = kept - 1
    return low, moments


def _refuse_too_few(n_videos: int, horizon: str | None) -> None:
    if n_videos < MIN_VIDEOS:
        raise SplitTooSmall(
            f"a split needs at least {MIN_VIDEOS} videos; {_subject(horizon)} has {n_videos}. "
            "Capture for longer, or choose a shorter horizon."
        )


def _refuse_an_empty_part(split: pl.Series, dealt_by: str, horizon: str | None) -> None:
    sizes = {part: int((split == part).sum()) for part in PARTS}
    if not all(sizes.values()):
        found = ", ".join(f"{part} {size}" for part, size in sizes.items())
        raise SplitTooSmall(
            f"a split needs at least 1 video in train, val and test; {_subject(horizon)} has {found} by {dealt_by}. "
            "Capture more, or choose another policy or a wider inclusion preset."
        )


def _subject(horizon: str | None) -> str:
    return f"horizon {horizon}" if horizon else "the table"
