"""How the videos of the sample world grow, and which of their days a capture sees."""

from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.capture.sample_draws import Floats, choice, normal, uniform

#: A video is captured daily until it is this old, so that a horizon of 30 days has captures on both sides.
LAST_AGE_DAYS = 32
#: Views of the first day grow with the power SHAPE of the age; 1 would be a constant rate.
SHAPE = 0.6

_DAY_US = 86_400_000_000
#: A daily capture begins at this time of day, UTC, and some minutes later on some days.
_START_US, _JITTER_MINUTES = 6 * 3_600_000_000, 20

_MISSED_SHARE, _OUTAGE_SHARE, _LATE_SHARE, _AUDITED_SHARE = 0.03, 0.01, 0.04, 0.03
_LIKES_HIDDEN_SHARE, _COMMENTS_OFF_SHARE = 0.03, 0.04


def log_growth(age_days: Floats, scale_days: Floats) -> Floats:
    """Log of the share of its final views that a video has at age t: (t / (t + scale)) ^ SHAPE.

    Saturating, so log views at a horizon are nearly linear in log views at an earlier age, with slope 1.
    Source of that relation: Szabo & Huberman 2010.
    """
    return np.asarray(-SHAPE * np.log1p(scale_days / age_days), np.float64)


def capture_instants(seed: int, days: NDArray[np.int64]) -> NDArray[np.int64]:
    """When the capture of each day begins, in microseconds since 1970-01-01."""
    return days * _DAY_US + _START_US + choice(seed, "start", 60 * _JITTER_MINUTES, days) * 1_000_000


def captures(seed: int, videos: pl.DataFrame) -> pl.DataFrame:
    """Every capture there will ever be of those videos, by day and video, with what the counters say.

    Adds `capture_day`, `captured_at`, `view_count`, `like_count`, `comment_count` to the columns of `videos`.
    Left out: days before publication and after LAST_AGE_DAYS, single days and days of a whole channel on which the
    capture failed, and the first days of videos that were found late.
    """
    ages = pl.DataFrame({"offset": range(LAST_AGE_DAYS + 1)}, schema={"offset": pl.Int64})
    rows = videos.join(ages, how="cross", maintain_order="left").with_columns(
        capture_day=pl.col("day") + pl.col("offset")
    )
    rows = rows.with_columns(_captured_at(seed, rows))
    rows = rows.with_columns(age_days=_age_days("captured_at")).filter(
        pl.col("age_days").is_between(0, LAST_AGE_DAYS, closed="right")
    )
    rows = rows.filter(pl.Series(_seen(seed, rows)))
    return rows.with_columns(_counters(seed, rows)).sort("capture_day", "day", "channel")


def counters_at(seed: int, videos: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """`view_count`, `like_count` and `comment_count` of those videos at one moment, whatever their age.

    They are what a capture at that moment says. The videos must have been published before it.
    """
    # An audit takes place on a day of the video's life, counted as `captures` counts them.
    on_the_day = pl.lit(moment).dt.epoch("d").cast(pl.Int64) - pl.col("day")
    return pl.DataFrame(_counters(seed, videos.with_columns(age_days=_age_days(moment), offset=on_the_day)))


def _age_days(at: datetime | str) -> pl.Expr:
    """at: a moment, or the name of a column of moments."""
    then = pl.col(at) if isinstance(at, str) else pl.lit(at)
    return (then - pl.col("published_at")).dt.total_seconds(fractional=True) / 86_400


def _captured_at(seed: int, rows: pl.DataFrame) -> pl.Series:
    """A channel is read a second after the one before it."""
    at = capture_instants(seed, rows["capture_day"].to_numpy()) + rows["channel"].to_numpy() * 1_000_000
    return pl.Series("captured_at", at).cast(pl.Datetime("us", "UTC"))


def _seen(seed: int, rows: pl.DataFrame) -> NDArray[np.bool_]:
    channel, day, on = (rows[name].to_numpy() for name in ("channel", "day", "capture_day"))
    missed = uniform(seed, "missed", channel, day, on) < _MISSED_SHARE
    outage = uniform(seed, "outage", channel, on) < _OUTAGE_SHARE
    late = uniform(seed, "late", channel, day) < _LATE_SHARE
    found = np.where(late, 2 + choice(seed, "found", 4, channel, day), 0)
    return np.asarray(~missed & ~outage & (rows["offset"].to_numpy() >= found))


def _counters(seed: int, rows: pl.DataFrame) -> list[pl.Series]:
    """Whole counts. A few videos lose 5 to 9 % of theirs at once, in an audit; some hide likes or comments."""
    channel, day = rows["channel"].to_numpy(), rows["day"].to_numpy()
    log_views = rows["log_final"].to_numpy() + log_growth(rows["age_days"].to_numpy(), rows["scale_days"].to_numpy())
    audit_age = 10 + choice(seed, "audit_age", 17, channel, day)
    audited = (uniform(seed, "audited", channel, day) < _AUDITED_SHARE) & (rows["offset"].to_numpy() >= audit_age)
    kept = np.where(audited, 0.91 + 0.04 * uniform(seed, "kept", channel, day), 1.0)
    views = np.exp(log_views) * kept
    likes = views * np.minimum(rows["like_rate"].to_numpy() * np.exp(0.2 * normal(seed, "likes", channel, day)), 0.3)
    comments = views * np.exp(-6.2 + 0.5 * normal(seed, "comments", channel, day))
    return [
        pl.Series("view_count", views.astype(np.int64)),
        _hidden("like_count", likes, uniform(seed, "likes_hidden", channel, day) < _LIKES_HIDDEN_SHARE),
        _hidden("comment_count", comments, uniform(seed, "comments_off", channel, day) < _COMMENTS_OFF_SHARE),
    ]


def _hidden(name: str, counts: Floats, where: NDArray[np.bool_]) -> pl.Series:
    frame = pl.DataFrame({"count": counts.astype(np.int64), "hidden": where})
    return frame.select(pl.when(~pl.col("hidden")).then("count").alias(name)).to_series()
