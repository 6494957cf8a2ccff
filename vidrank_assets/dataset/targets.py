"""What is to be predicted: the counters of every video at a horizon, and their growth since it was first seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from vidrank_assets.dataset.counters import COUNTERS, Counters, counters_at
from vidrank_assets.dataset.metric_definition import crosses_break, is_short, metric_definition
from vidrank_assets.errors import InvalidInput
from vidrank_assets.horizons import HORIZONS, Horizon
from vidrank_assets.tables import HORIZON_TARGETS

#: Captures that are in memory at once, about 1 GiB. A longer history is read in passes, each over some of the videos.
CAPTURES_A_PASS = 6_000_000

LABEL_TYPES = ("observed", "interpolated", "missing")
#: Why a label is missing, the first that holds. `definition_break`: a break of the metric definition lies between the
#: publication and the horizon, or the last capture it would need. `horizon_not_reached`: it is after `as_of`, or after
#: the newest capture of all. `hidden_count`: there are captures, and they show no views. `no_capture_before` and
#: `no_capture_after`: no capture on that side. `captures_too_far_apart`: on both sides, but farther than the bracket.
MISSING_REASONS = (
    "definition_break",
    "horizon_not_reached",
    "hidden_count",
    "no_capture_before",
    "no_capture_after",
    "captures_too_far_apart",
)

_DELTA_NAMES = {"views": "view_count", "likes": "like_count", "comments": "comment_count"}
_FIRST = ("title", "channel_id", "category_id", "published_at", "source")


def horizon_targets(snapshots: pl.LazyFrame, horizon: Horizon, *, as_of: datetime | None = None) -> pl.DataFrame:
    """Counters at the horizon and growth up to the horizon after the first capture, one row per video seen.

    snapshots: rows of `tables.SNAPSHOTS` in any order. Titles and the like are never read.
    as_of: captures after this moment do not exist; None for all.

    Returns `tables.HORIZON_TARGETS`, sorted by video_id; the same captures give the same rows.

    - Title, publication, channel, category and source are those of the first capture. A capture not after the
      publication is the first capture all the same, and evidence for nothing.
    - A capture without a view count is evidence for nothing. Likes and comments come from the captures of the views.
    - A delta may be negative, for counters do go down. It then has no logarithm, and its mask is 0.

    Raises InvalidInput: `as_of` has no time zone. InvalidTable: a video has two captures at one moment.
    """
    if as_of is not None:
        if as_of.tzinfo is None:
            raise InvalidInput(f"as_of must have a time zone; got {as_of}. Give it as UTC.")
        snapshots = snapshots.filter(pl.col("captured_at") <= as_of)
    extent = snapshots.select(pl.len(), newest=pl.col("captured_at").max()).collect(engine="streaming")
    n_captures, newest = extent.row(0)
    n_passes = -(-n_captures // CAPTURES_A_PASS)
    share = pl.col("video_id").hash() % max(n_passes, 1)
    parts = [
        _Seen.of(snapshots if n_passes == 1 else snapshots.filter(share == i)).targets(horizon, as_of or newest)
        for i in range(n_passes)
    ]
    return pl.concat([HORIZON_TARGETS.empty(), *parts]).sort("video_id")


def label_coverage(targets: pl.DataFrame) -> dict[str, int | float]:
    """How many labels there are, of which type, and why the others are missing; every name occurs, also with 0."""

    def counts(column: str, names: Iterable[str]) -> dict[str, int | float]:
        found = dict(targets[column].value_counts().iter_rows())
        return {name: found.get(name, 0) for name in names}

    types = counts("horizon_label_type", LABEL_TYPES)
    reasons = counts("horizon_missing_reason", MISSING_REASONS)
    n_labels = types["observed"] + types["interpolated"]
    return {
        "videos": targets.height,
        "labels": n_labels,
        "label_coverage": n_labels / targets.height if targets.height else 0.0,
        **{f"labels_{name}": n for name, n in types.items() if name != "missing"},
        "labels_missing": types["missing"],
        **{f"missing_{name}": n for name, n in reasons.items()},
        "monotone_violations": int(targets["monotone_violation"].sum()),
        "in_delta_task": int(targets["in_delta_task"].sum()),
    }


@dataclass(frozen=True)
class _Seen:
    """Videos, each with its first capture, and the captures that are evidence for a label.

    videos: one row a video, sorted by video_id.
    after_publication: captures with and without a view count.
    showing_views: those of them with one.
    """

    videos: pl.DataFrame
    after_publication: Counters
    showing_views: Counters

    @classmethod
    def of(cls, snapshots: pl.LazyFrame) -> "_Seen":
        firsts = snapshots.group_by("video_id").agg(pl.col("captured_at").min(), longest=pl.col("duration_sec").max())
        known = firsts.collect(engine="streaming").sort("video_id").with_row_index("video")
        key = ["video_id", "captured_at"]
        first_rows = snapshots.select(*key, *_FIRST, pl.col(COUNTERS).name.prefix("first_")).join(known.lazy(), on=key)
        captures = snapshots.select(*key, *COUNTERS).join(known.lazy().select("video_id", "video"), on="video_id")
        counters = Counters.of(captures.drop("video_id").collect(engine="streaming"), known.height)
        videos = (
            first_rows.collect(engine="streaming")
            .sort("video")
            .with_columns(monotone_violation=counters.goes_down(), short=is_short(pl.col("longest")))
        )
        published_at = videos["published_at"].gather(counters.rows["video"])
        after_publication = counters.where(counters.rows["captured_at"] > published_at)
        showing_views = after_publication.where(after_publication.rows["view_count"].is_not_null())
        return cls(videos, after_publication, showing_views)

    def targets(self, horizon: Horizon, now: datetime) -> pl.DataFrame:
        """`tables.HORIZON_TARGETS` of these videos; `now` is the last moment of which anything is known."""
        required = [self._delta(each)["delta_view_count"] >= 0 for each in HORIZONS.values() if each.required]
        first = pl.col("captured_at")
        age = first - pl.col("published_at")
        return (
            pl.concat([self.videos, self._label(horizon, now), self._delta(horizon)], how="horizontal")
            .with_columns(
                horizon_days=pl.lit(horizon.days, pl.Int64),
                target_raw=pl.col("horizon_view_count").cast(pl.Float64),
                target_log=pl.col("horizon_view_count").log1p(),
                in_delta_task=pl.all_horizontal(True, *required).fill_null(value=False),
                first_captured_at=first,
                video_age_hours_at_snapshot1=age.dt.total_microseconds() / 3_600_000_000,
            )
            .select(HORIZON_TARGETS.schema.names())
        )

    def _label(self, horizon: Horizon, now: datetime) -> pl.DataFrame:
        moment = pl.col("moment")
        videos = self.videos.with_columns(moment=pl.col("published_at") + horizon.age)
        evidence = self.after_publication.beside(videos["moment"])
        found = counters_at(self.showing_views.beside(videos["moment"]), videos, horizon)
        seen = counters_at(evidence, videos, horizon).select(seen_type="label_type")
        end = pl.max_horizontal("moment", "known_at")
        reason = (
            pl.when(crosses_break(pl.col("published_at"), end, pl.col("short")))
            .then(pl.lit("definition_break"))
            .when(pl.col("label_type") != "missing")
            .then(None)
            .when(moment > now)
            .then(pl.lit("horizon_not_reached"))
            .when(pl.col("seen_type") != "missing")
            .then(pl.lit("hidden_count"))
            .when(pl.col("left_captured_at").is_null() & pl.col("right_captured_at").is_not_null())
            .then(pl.lit("no_capture_before"))
            .when(pl.col("right_captured_at").is_null())
            .then(pl.lit("no_capture_after"))
            .otherwise(pl.lit("captures_too_far_apart"))
        )
        there = pl.col("horizon_missing_reason").is_null()
        return (
            pl.concat([videos, evidence, found, seen], how="horizontal")
            .with_columns(horizon_missing_reason=reason)
            .select(
                "horizon_missing_reason",
                horizon_label_type=pl.when(there).then("label_type").otherwise(pl.lit("missing")),
                horizon_gap_hours=pl.when(there).then("gap_hours"),
                label_known_at=pl.when(there).then("known_at"),
                metric_definition=metric_definition(moment, pl.col("short")),
                **{f"horizon_{counter}": pl.when(there).then(counter) for counter in COUNTERS},
            )
        )

    def _delta(self, horizon: Horizon) -> pl.DataFrame:
        first = pl.col("captured_at")
        videos = self.videos.with_columns(moment=first + horizon.age)
        then = counters_at(self.showing_views.beside(videos["moment"]), videos, horizon)
        crosses = crosses_break(first, pl.max_horizontal("moment", "known_at"), pl.col("short"))
        growth = pl.concat([videos, then], how="horizontal").select(
            pl.when(~crosses).then(pl.col(counter) - pl.col(f"first_{counter}")).alias(f"delta_{counter}")
            for counter in COUNTERS
        )
        return growth.with_columns(
            column
            for name, counter in _DELTA_NAMES.items()
            for column in (
                pl.when(pl.col(f"delta_{counter}") >= 0)
                .then(pl.col(f"delta_{counter}").log1p())
                .alias(f"target_{name}_log_delta"),
                (pl.col(f"delta_{counter}") >= 0).fill_null(value=False).cast(pl.Int64).alias(f"mask_{name}"),
            )
        )
