"""Pairs of one channel's videos, near in time, of which one did better."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.pair_tables import TRAINING_PAIRS

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DAYS_APART = 30
_NEEDED = ("video_id", "channel_id", "split", "published_at", "target_raw")
#: Pairs listed, or videos drawn for, at a time: what is worked on then stays in the processor's cache, and a column of
#: pairs is small enough that the allocator gives the same memory again, and need not ask the kernel for cleared pages.
_PAIRS_AT_A_TIME, _VIDEOS_AT_A_TIME = 8_192, 4_096
_LARGEST = int(np.iinfo(np.int64).max)


def candidate_pairs(videos: pl.DataFrame, days_apart: int = DAYS_APART) -> Iterator[tuple[Rows, Rows]]:
    """Every pair there is, in batches: the rows of the earlier and of the later videos, both (n_pairs,).

    videos: video_id, channel_id, published_at, target_raw (views, or views per hour), split and, where it is measured,
    ctr; a row with a null among the others makes no pair. Both videos of a pair have one channel and one split, are
    published at most `days_apart` apart and differ in what judges them: ctr where it is known of both, else target_raw.
    Of two videos published at once the one with the smaller id is the earlier.

    Ordered by channel, split, publication of the earlier and of the later. O(n log n + pairs), in the memory of a few
    numbers a video: a batch holds about 8,000 pairs, or all of one video.
    """
    line = _in_line(videos, timedelta(days=days_apart))
    listed = np.concatenate([[0], np.cumsum(line.end - np.arange(1, len(line.row) + 1))])
    starts = np.searchsorted(listed, np.arange(0, listed[-1], _PAIRS_AT_A_TIME), "right") - 1
    bounds = np.append(np.unique(starts), len(line.row))
    counting = np.arange(np.diff(listed[bounds]).max(initial=0))
    for start, stop in pairwise(bounds.tolist()):
        yield _listed(line, start, stop, counting)


def training_pairs(
    videos: pl.DataFrame,
    *,
    days_apart: int = DAYS_APART,
    pairs_per_video: int = 8,
    pairs_per_channel: int = 500,
    seed: int = 42,
) -> pl.DataFrame:
    """`pair_tables.TRAINING_PAIRS`: of `candidate_pairs(videos, days_apart)` those within the caps, sorted by the key.

    a is the earlier video, winner 1 when it has the higher ctr or, where that is not known of both, target_raw.

    A video is in at most `pairs_per_video` pairs, a channel in at most `pairs_per_channel` of one split. Which ones is
    drawn from `seed`, whatever the order of the rows: every video draws that many partners, uniformly from all that it
    has; of those drawn, the pairs within the caps of both videos in a random order, then of the channel, are kept.
    What is not drawn is never listed, so a busy channel costs no more than what it keeps: O(n log n + pairs). Some
    channels are worked on at a time, and only numbers are held until the pairs are known.
    """
    caps = (pairs_per_video, pairs_per_channel)
    pairs = _sampled(videos, timedelta(days=days_apart), caps, np.random.default_rng(seed))
    return pl.DataFrame(
        {
            "video_id_a": videos["video_id"][pairs.row_a],
            "video_id_b": videos["video_id"][pairs.row_b],
            "channel_id": videos["channel_id"][pairs.row_a],
            "winner": pairs.winner,
            "margin": pairs.margin,
            "days_apart": pairs.days_apart,
            "split": videos["split"][pairs.row_a],
            "judged_by": pl.Series(pairs.by_ctr).replace_strict({True: "ctr", False: "views"}, return_dtype=pl.String),
        },
        schema=TRAINING_PAIRS.schema,
    )


def pair_moments(pairs: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """When to look at the channel for the later video of each pair: video_id (that of b) and as_of, one row per pair.

    as_of is the publication of a. With it both sides see one channel history, which holds the outcome of neither;
    at its own publication, b's would hold a's outcome, and noise would be ranked better or worse than chance.

    pairs: `pair_tables.TRAINING_PAIRS`. videos: video_id and published_at.
    """
    published = videos.select("video_id", as_of="published_at")
    dated = pairs.join(published, left_on="video_id_a", right_on="video_id", how="left", maintain_order="left")
    return dated.select(video_id="video_id_b", as_of="as_of")


class _Judged(NamedTuple):
    """What judges the two sides of each pair, and whether that is the measured CTR: (n_pairs,) each."""

    a: Floats
    b: Floats
    by_ctr: Flags


class _Sampled(NamedTuple):
    """The columns of the pairs in their order, with rows of the videos in the place of names: (n_pairs,) each."""

    row_a: Rows
    row_b: Rows
    winner: Rows
    margin: Floats
    days_apart: Floats
    by_ctr: Flags


class _Line(NamedTuple):
    """Videos by channel, split, publication and id, as numbers; those that can make no pair are left out.

    row: where each stands in the table. group: its channel and split. published: in microseconds. views: target_raw.
    ctr: NaN where it is not measured. end: the place after the last video of its group within reach. (n_videos,) each.
    """

    row: Rows
    group: Rows
    published: Rows
    views: Floats
    ctr: Floats
    end: Rows

    def judged(self, a: Rows, b: Rows) -> _Judged:
        """What judges the pairs of videos at some places."""
        by_ctr = ~np.isnan(self.ctr[a] + self.ctr[b])
        a_judged, b_judged = (np.where(by_ctr, self.ctr[side], self.views[side]) for side in (a, b))
        return _Judged(a_judged, b_judged, by_ctr)


def _in_line(videos: pl.DataFrame, apart: timedelta) -> _Line:
    """The videos in the order of their groups, which are those of their channels' and splits' names."""
    whole = videos.select(pl.all_horizontal(pl.col(_NEEDED).is_not_null()).arg_true()).to_series()
    used = videos if len(whole) == videos.height else videos[whole]
    group, published = _groups(used), used["published_at"].to_physical().to_numpy()
    moment, until = _moments(published, apart // timedelta(microseconds=1), n_groups=group.max(initial=0) + 1)
    # One whole number says both, and is sorted several times faster than two.
    before = group * (until.max(initial=0) + 1)
    order = np.argsort(before + moment)
    group, published, end = group[order], published[order], (before + until)[order]
    ctr = used["ctr"].to_numpy().astype(np.float64) if "ctr" in used.columns else np.full(len(order), np.nan)
    end = np.searchsorted((before + moment)[order], end, "right")
    order = _ids_in_order(order, group, published, used["video_id"])
    views = used["target_raw"].to_numpy().astype(np.float64)
    return _Line(whole.to_numpy().astype(np.int64)[order], group, published, views[order], ctr[order], end)


def _groups(videos: pl.DataFrame) -> Rows:
    """The channel and split of each video as a number, in the order of their names: (n_videos,)."""
    named = videos.select("channel_id", "split", place=pl.int_range(pl.len(), dtype=pl.Int64))
    places = named.group_by("channel_id", "split").agg("place").sort("channel_id", "split")["place"]
    group = np.empty(len(videos), np.int64)
    group[places.explode(empty_as_null=False).to_numpy()] = np.repeat(np.arange(len(places)), places.list.len())
    return group


def _moments(published: Rows, apart: int, *, n_groups: int) -> tuple[Rows, Rows]:
    """When each was published, and the end of its reach, as whole numbers in the order of time: (n_videos,) each.

    Microseconds since the first, where as many of them for each group are numbers of 64 bits; else the number of videos
    published before, and of those up to then.
    """
    first, last = (int(published.min()), int(published.max())) if len(published) else (0, 0)
    if (last - first + apart + 1) * n_groups <= _LARGEST:
        return published - first, published - first + apart
    times = np.sort(published)
    return np.searchsorted(times, published), np.searchsorted(times, published + apart, "right") - 1


def _ids_in_order(order: Rows, group: Rows, published: Rows, video_ids: pl.Series) -> Rows:
    """The order, with videos of a group that were published at once in the order of their ids."""
    again = (np.diff(group, prepend=-1) == 0) & (np.diff(published, prepend=-1) == 0)
    tied = np.flatnonzero(again | np.append(again[1:], False))
    if len(tied):
        place = video_ids[order[tied]].rank("ordinal").to_numpy()
        order[tied] = order[tied][np.lexsort((place, np.cumsum(~again)[tied]))]
    return order


def _sampled(videos: pl.DataFrame, apart: timedelta, caps: tuple[int, int], generator: np.random.Generator) -> _Sampled:
    """The pairs that are drawn and within the caps, of a video and of a channel, sorted by their ids."""
    line = _in_line(videos, apart)
    begins = np.flatnonzero(np.diff(line.group, prepend=-1))
    cuts = np.searchsorted(begins, np.arange(0, len(line.row), _VIDEOS_AT_A_TIME))
    bounds = np.append(np.unique(begins[cuts[cuts < len(begins)]]), len(line.row))
    parts = [np.empty((2, 0), np.int64)]
    for start, stop in pairwise(bounds.tolist()):
        drawn = _drawn_pairs(line, start, stop, most=caps[0], generator=generator)
        judged = line.judged(*drawn)
        pairs = generator.permutation(drawn[:, judged.a != judged.b], axis=1)
        pairs = pairs[:, (_number(pairs.T.ravel()) < caps[0]).reshape(-1, 2).all(axis=1)]
        parts.append(pairs[:, _number(line.group[pairs[0]]) < caps[1]])
    name = videos["video_id"].rank("ordinal").to_numpy()
    pairs = np.concatenate(parts, axis=1)
    a, b = pairs[:, np.lexsort(name[line.row[pairs[::-1]]])]
    judged = line.judged(a, b)
    return _Sampled(
        line.row[a],
        line.row[b],
        winner=(judged.a > judged.b).astype(np.int64),
        margin=np.abs(judged.a - judged.b) / np.maximum(judged.a, judged.b),
        days_apart=(line.published[b] - line.published[a]) / timedelta(days=1).total_seconds() / 1e6,
        by_ctr=judged.by_ctr,
    )


def _listed(line: _Line, start: int, stop: int, counting: Rows) -> tuple[Rows, Rows]:
    """Rows of all pairs whose earlier video has one of some places. counting: 0, 1, 2, … up to as many pairs."""
    place = np.arange(start, stop)
    counts = line.end[start:stop] - place - 1
    later = np.repeat(place + 1 - (np.cumsum(counts) - counts), counts)
    later += counting[: len(later)]
    # Every place is one of the line, and to clip is what NumPy does fastest with it.
    different = np.repeat(line.views[start:stop], counts) != line.views.take(later, mode="clip")
    if not np.isnan(line.ctr[start:stop]).all():
        ctr = np.repeat(line.ctr[start:stop], counts)
        by_ctr = ~(np.isnan(ctr) | np.isnan(line.ctr[later]))
        different = np.where(by_ctr, ctr != line.ctr[later], different)
    row_a, row_b = np.repeat(line.row[start:stop], counts), line.row.take(later, mode="clip")
    return (row_a, row_b) if different.all() else (row_a[different], row_b[different])


def _drawn_pairs(line: _Line, start: int, stop: int, *, most: int, generator: np.random.Generator) -> Rows:
    """Pairs of places between two, the smaller first, each once and in order: (2, n_pairs).

    All that lie between the first and the last of a video's group within reach are within reach too.
    """
    end = line.end[start:stop] - start
    first = np.searchsorted(end, np.arange(len(end)), "right")
    row, number = _drawn(end - first - 1, most, generator)
    partner = first[row] + number
    partner += partner >= row  # a video is no partner of itself
    numbered = np.unique(np.minimum(row, partner) * len(end) + np.maximum(row, partner))
    return np.stack(np.divmod(numbered, len(end))) + start


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


def _number(of: Rows) -> Rows:
    """How many equal ones stand before each: (n,)."""
    order = np.argsort(of, kind="stable")
    in_order = of[order]
    number = np.empty(len(of), np.int64)
    number[order] = np.arange(len(of)) - np.searchsorted(in_order, in_order)
    return number
