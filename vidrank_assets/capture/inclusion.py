"""Which videos are in, and why the others are not.

Two kinds of rules. Those that look at what is known without the outcome (age, channel, length, language) decide whether
a video is `eligible` for any part of a split. Those that look at the outcome (views at the horizon, outliers) decide
which training rows are `trainable`: a test that leaves out what went badly measures nothing.
A value that is not known breaks no rule; it is counted as unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from vidrank_assets.errors import UnknownName

#: A channel's spread is not judged from fewer other videos than this.
_LEAST_OTHERS = 10
_IN = "in"


@dataclass(frozen=True)
class Inclusion:
    """The limits of every rule; None switches a rule off. `dataclasses.replace` makes a variant.

    window: how long ago a video may have been published, and the span in which its channel's videos are counted.
    min_channel_videos: videos of the channel among the candidates within that span.
    languages: primary subtags in lower case: "en" takes "en-GB" as well.
    max_deviations: distance of target_log from the channel's mean, in standard deviations, both taken from the
    channel's other videos: a value within its own mean and spread could never lie further than (n - 1) / sqrt(n).
    """

    window: timedelta | None = timedelta(days=90)
    min_subscribers: int | None = 100
    min_channel_videos: int | None = 10
    min_duration_sec: int | None = 60
    max_duration_sec: int | None = 3600
    languages: tuple[str, ...] | None = None
    min_views: int | None = 1000
    max_deviations: float | None = 3.0


PRESETS: Mapping[str, Inclusion] = {
    "default": Inclusion(),
    "shorts": Inclusion(min_duration_sec=None, max_duration_sec=180),
    "all": Inclusion(
        window=None,
        min_subscribers=None,
        min_channel_videos=None,
        min_duration_sec=None,
        max_duration_sec=None,
        min_views=None,
        max_deviations=None,
    ),
}


def preset(name: str) -> Inclusion:
    """The preset called `name`, or `UnknownName` with the names there are."""
    if name not in PRESETS:
        raise UnknownName(f"inclusion must be one of: {', '.join(sorted(PRESETS))}; got {name!r}.")
    return PRESETS[name]


def eligible(candidates: pl.DataFrame, inclusion: Inclusion | str, *, at: datetime | None = None) -> pl.DataFrame:
    """The candidates, in their order, judged by the rules that know nothing of the outcome.

    candidates: one row a video: video_id, channel_id, published_at, duration_sec, default_language and
    channel_subscribers. at: the moment from which the window reaches back; the newest publication among the candidates
    when None.

    Adds `reason` (the first rule that is broken; null: the video may be in any part) and `unknown` (rules that could
    not be judged). Raises UnknownName: no preset has that name.
    """
    limits = preset(inclusion) if isinstance(inclusion, str) else inclusion
    return _judged(candidates, _rules_before(limits, _since(candidates, limits, at)))


def trainable(train: pl.DataFrame, inclusion: Inclusion | str) -> pl.DataFrame:
    """The training rows, in their order, judged by the rules that look at the outcome.

    train: one row a video: channel_id, target_raw (views at the horizon) and target_log (its log1p). Rows of val and
    test must not be among them: what is an outlier would then depend on what is to be predicted.

    Adds `reason` (null: it is a training row) and `unknown`, as `eligible` does.
    """
    limits = preset(inclusion) if isinstance(inclusion, str) else inclusion
    return _judged(train, _rules_after(limits))


def counted(judged: pl.DataFrame) -> pl.DataFrame:
    """How many videos each rule left out, and for how many it could not be judged.

    Columns: reason (`in` for videos that broke none), videos, unknown; most videos first, then by name. A video is
    counted under the first rule it breaks, so `videos` sums to all of them.
    """
    videos = judged.group_by(pl.col("reason").fill_null(_IN)).agg(videos=pl.len().cast(pl.Int64))
    unknown = judged.select(reason=pl.col("unknown").list.explode(keep_nulls=False, empty_as_null=False))
    unknown = unknown.group_by("reason").agg(unknown=pl.len().cast(pl.Int64))
    return (
        videos.join(unknown, on="reason", how="full", coalesce=True)
        .with_columns(pl.col("videos", "unknown").fill_null(0))
        .sort("videos", "reason", descending=[True, False])
    )


def _judged(rows: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> pl.DataFrame:
    judged = rows.with_columns(**{f"_{name}": rule for name, rule in rules.items()})
    nothing = pl.lit(None, pl.String)
    return judged.with_columns(
        reason=pl.coalesce(nothing, *(pl.when(~pl.col(f"_{name}")).then(pl.lit(name)) for name in rules)),
        unknown=pl.concat_list(
            nothing, *(pl.when(pl.col(f"_{name}").is_null()).then(pl.lit(name)) for name in rules)
        ).list.drop_nulls(),
    ).drop(f"_{name}" for name in rules)


def _since(candidates: pl.DataFrame, limits: Inclusion, at: datetime | None) -> pl.Expr | None:
    """The beginning of the window."""
    if limits.window is None:
        return None
    newest = pl.col("published_at").max() if at is None else pl.lit(at, candidates.schema["published_at"])
    return newest - limits.window


def _rules_before(limits: Inclusion, since: pl.Expr | None) -> dict[str, pl.Expr]:
    """By the name of its breach, what must hold of a video before anyone has watched it; null where unknown."""
    duration = pl.col("duration_sec")
    recent = pl.lit(True) if since is None else pl.col("published_at") >= since
    uploads = pl.when(pl.col("channel_id").is_not_null()).then(recent.sum().over("channel_id"))
    language = pl.col("default_language").str.to_lowercase().str.split("-").list.first()
    rules = {
        "too_old": None if since is None else recent,
        "few_subscribers": _at_least(pl.col("channel_subscribers"), limits.min_subscribers),
        "few_videos": _at_least(uploads, limits.min_channel_videos),
        "too_short": _at_least(duration, limits.min_duration_sec),
        "too_long": None if limits.max_duration_sec is None else duration <= limits.max_duration_sec,
        "other_language": None if limits.languages is None else language.is_in(list(limits.languages)),
    }
    return {name: rule for name, rule in rules.items() if rule is not None}


def _rules_after(limits: Inclusion) -> dict[str, pl.Expr]:
    """By the name of its breach, what must hold of the outcome of a training row."""
    rules = {
        "unlabelled": pl.col("target_log").is_not_null(),
        "few_views": _at_least(pl.col("target_raw"), limits.min_views),
        "outlier": None if limits.max_deviations is None else _deviations() <= limits.max_deviations,
    }
    return {name: rule for name, rule in rules.items() if rule is not None}


def _deviations() -> pl.Expr:
    """Distance of target_log from the mean of the channel's other videos, in their standard deviations.

    Null with fewer than `_LEAST_OTHERS` of them. From the sums over all n, with d the distance from their mean: the
    distance from the others' mean is d n / (n - 1), their sum of squares is smaller by d^2 n / (n - 1).
    """
    target = pl.col("target_log")
    n = target.count().over("channel_id").cast(pl.Float64)
    distance = target - target.mean().over("channel_id")
    squares = (distance**2).sum().over("channel_id") - distance**2 * n / (n - 1)
    # Rounding leaves a trace of spread among equal values; a billionth of a log view is no distance.
    spread = (squares.clip(0) / (n - 2)).sqrt() + 1e-9
    return pl.when(n > _LEAST_OTHERS).then((distance * n / (n - 1)).abs() / spread)


def _at_least(value: pl.Expr, limit: int | None) -> pl.Expr | None:
    return None if limit is None else value >= limit
