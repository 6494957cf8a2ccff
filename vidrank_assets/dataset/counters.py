"""The counters of a video at any moment, from the captures on both sides of it."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidTable
from vidrank_assets.horizons import Horizon

Places = NDArray[np.int64]

COUNTERS = ("view_count", "like_count", "comment_count")


@dataclass(frozen=True)
class Counters:
    """Captures of videos 0 … n_videos - 1, sorted by video and time.

    rows: `video`, `captured_at` and the counters, null where hidden.
    n_videos: how many videos there are; one of them may have no captures.
    """

    rows: pl.DataFrame
    n_videos: int

    @classmethod
    def of(cls, captures: pl.DataFrame, n_videos: int) -> "Counters":
        """Sort captures.

        Raises InvalidTable: a video has two captures at one moment, so that it is unknown which one holds.
        """
        rows = _in_order(captures, n_videos)
        video, at = rows["video"].to_numpy(), rows["captured_at"].to_physical().to_numpy()
        if n_again := int(((video[1:] == video[:-1]) & (at[1:] == at[:-1])).sum()):
            raise InvalidTable(
                f"snapshots must have one row per video_id and captured_at; found {n_again} rows that repeat one. "
                "Keep one reading of each moment where the captures are imported."
            )
        return cls(rows, n_videos)

    def where(self, kept: pl.Series) -> "Counters":
        """The same videos with some of their captures."""
        return self if kept.all() else Counters(self.rows.filter(kept), self.n_videos)

    def goes_down(self) -> pl.Series:
        """Whether any counter of the video is once below its previous shown reading, (n_videos,)."""
        down = np.zeros(self.n_videos, bool)
        for counter in COUNTERS:
            shown = self.rows.select("video", pl.col(counter).alias("count")).drop_nulls()
            falls = shown.filter((pl.col("count").diff() < 0) & (pl.col("video").diff() == 0))
            down[falls["video"].unique().to_numpy()] = True
        return pl.Series("goes_down", down)

    def beside(self, moments: pl.Series) -> pl.DataFrame:
        """The last capture not after each video's moment, `left_*`, and the next one, `right_*`; null where none is.

        moments: (n_videos,), UTC.
        """
        n_captures = np.bincount(self.rows["video"].to_numpy(), minlength=self.n_videos)
        ends = np.cumsum(n_captures)
        starts = ends - n_captures
        right = _first_after(self.rows["captured_at"], moments, starts, ends)
        places = pl.DataFrame({"right": right, "starts": starts, "ends": ends}).select(
            left=pl.when(pl.col("right") > pl.col("starts")).then(pl.col("right") - 1),
            right=pl.when(pl.col("right") < pl.col("ends")).then("right"),
        )
        return pl.DataFrame(
            {
                f"{side.name}_{column}": self.rows[column].gather(side)
                for side in places
                for column in ("captured_at", *COUNTERS)
            }
        )


def _in_order(captures: pl.DataFrame, n_videos: int) -> pl.DataFrame:
    """Sorted by video and time: by one integer of both, which takes half the time, where they fit into one."""
    at = captures["captured_at"].to_physical().to_numpy()
    start, end = (int(at.min()), int(at.max())) if len(at) else (0, 0)
    span = end - start + 1
    if n_videos * span > np.iinfo(np.int64).max:
        return captures.sort("video", "captured_at")
    key = pl.col("video").cast(pl.Int64) * span + (pl.col("captured_at").to_physical() - start)
    return captures.with_columns(key=key).sort("key").drop("key")


def _first_after(captured_at: pl.Series, moments: pl.Series, starts: Places, ends: Places) -> Places:
    """The place of each video's first capture after its moment, or its end: a binary search in all videos at once."""
    at, moment = captured_at.to_physical().to_numpy(), moments.to_physical().to_numpy()
    low, high = starts, ends
    while (searching := low < high).any():
        middle = np.where(searching, (low + high) // 2, 0)
        after = at[middle] > moment
        low, high = np.where(searching & ~after, middle + 1, low), np.where(searching & after, middle, high)
    return low


def counters_at(beside: pl.DataFrame, videos: pl.DataFrame, horizon: Horizon) -> pl.DataFrame:
    """What the captures beside a moment say of the counters at it.

    beside: (n_videos,) rows of `Counters.beside`.
    videos: (n_videos,) rows of `published_at` and `moment`.

    Returns `label_type` (observed: the nearest capture is within the tolerance, of two equally near the earlier one;
    interpolated: linear in log1p(count) over log(age) between captures no farther apart than the bracket, rounded to
    whole counts; missing), the counters (null where missing, or hidden in a capture that was used), `gap_hours` (the
    capture used, of two the farther) and `known_at` (the capture used, of two the later).
    """
    left, right, moment = pl.col("left_captured_at"), pl.col("right_captured_at"), pl.col("moment")
    before, after = moment - left, right - moment
    is_left = after.is_null() | (before <= after)
    observed = pl.min_horizontal(before, after) <= horizon.tolerance
    interpolated = (right - left) <= horizon.bracket
    label_type = pl.when(observed).then(pl.lit("observed")).when(interpolated).then(pl.lit("interpolated"))

    def by_type(nearest_left: pl.Expr, nearest_right: pl.Expr, between: pl.Expr) -> pl.Expr:
        nearest = pl.when(is_left).then(nearest_left).otherwise(nearest_right)
        return pl.when(observed).then(nearest).when(interpolated).then(between)

    gap = by_type(before, after, pl.max_horizontal(before, after))
    return pl.concat([videos, beside], how="horizontal").select(
        label_type=label_type.otherwise(pl.lit("missing")),
        gap_hours=gap.dt.total_microseconds() / 3_600_000_000,
        known_at=by_type(left, right, right),
        **{c: by_type(pl.col(f"left_{c}"), pl.col(f"right_{c}"), _between(c)) for c in COUNTERS},
    )


def _between(counter: str) -> pl.Expr:
    """Linear in log1p(count) over log(age); both captures come after the publication, so both ages are positive."""

    def log_age(at: str) -> pl.Expr:
        return (pl.col(at) - pl.col("published_at")).dt.total_microseconds().log()

    low, high = pl.col(f"left_{counter}").log1p(), pl.col(f"right_{counter}").log1p()
    start = log_age("left_captured_at")
    share = (log_age("moment") - start) / (log_age("right_captured_at") - start)
    return ((low + share * (high - low)).exp() - 1).round().cast(pl.Int64)
