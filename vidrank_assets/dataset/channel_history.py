"""What a channel had done, as known at a moment.

A query asks about one channel at one moment; its row is made of what was known by then and of nothing else, so that
rows captured later change no row. Everything is a running statistic in the order in which things became known, and one
as-of join: O(n log n).

queries: one row per question, with channel_id, category_id and as_of, which is no later than the publication of the
video that is asked about. Then a video's own outcome, and any of a later one, is known too late to be in its history.
"""

from datetime import timedelta

import polars as pl

_CELL = ("category_id", "channel_id")

#: A video's views grow as its age to this power. Source: daily views on YouTube relax as t^-(1 - 0.4), Crane &
#: Sornette, Robust dynamic classes revealed by measuring the response function of a social system, PNAS 2008.
GROWTH_EXPONENT = 0.4

# Multiplied by: dividing by a number gives a single row another last bit than a long column.
_DAYS = 1 / 86_400


def target_events(labels: pl.DataFrame) -> pl.DataFrame:
    """The targets of one horizon as events: target_log, known since the last capture that it was made from.

    labels: `tables.HORIZON_TARGETS` of one horizon.
    """
    return _events(labels, value=pl.col("target_log"), known_at=pl.col("label_known_at"))


def first_capture_events(first_captures: pl.DataFrame) -> pl.DataFrame:
    """The first captures as events: age-adjusted log views, known since the capture.

    The value is log1p(views) - 0.4 · log(age in days): the log views at an age of one day, for a video that grows as
    videos do. The growth is a constant, so the adjustment holds nothing of the future.

    first_captures: `tables.SNAPSHOTS`, one row per video.
    """
    age_days = (pl.col("captured_at") - pl.col("published_at")).dt.total_seconds(fractional=True) * _DAYS
    value = pl.col("view_count").log1p() - GROWTH_EXPONENT * age_days.log()
    return _events(first_captures, value=value, known_at=pl.col("captured_at"))


def channel_history(queries: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Statistics over the channel's events with known_at <= as_of, one row per query, in the order of the queries.

    events: one row per video: video_id, channel_id, category_id, published_at, value, known_at.

    count: how many; 0 when there are none, null when the channel is not known.
    median, spread: of their values; spread is the standard deviation (n - 1), null below two.
    mean: the empirical-Bayes mean m + (ȳ - m) · n b / (n b + w), where m is the mean of the category's events known by
    then (of all events, when the category has none), w the variance within and b that between a category's channels.
    Without evidence that channels differ (b = 0 or not known yet) it is m.
    latest: the value that became known last; of equals, that of the later publication.

    Source of the mean: the best linear unbiased predictor of the random-effects model with the ANOVA (method of
    moments) estimates of the variances for unbalanced groups, Searle, Casella & McCulloch, Variance Components, 1992.
    """
    ordered = events.sort("known_at", "published_at", "video_id").with_columns(pl.col("category_id").fill_null(""))
    asked = queries.with_columns(pl.col("category_id").fill_null(""))
    known = pl.concat(
        [
            _as_of(asked, _running_statistics(ordered), "channel_id"),
            _as_of(asked, _running_category_means(ordered), "category_id"),
            _as_of(asked, _running_variances(ordered)),
        ],
        how="horizontal",
    )
    between = pl.col("count") * pl.col("b")
    weight = pl.when(between > 0).then(between / (between + pl.col("w")))
    prior = pl.coalesce("m_category", "m_all")
    return known.select(
        count=pl.when(queries["channel_id"].is_not_null()).then(pl.col("count").fill_null(0)),
        median="median",
        spread="spread",
        mean=prior + (pl.col("channel_mean") - prior).fill_null(0) * weight.fill_null(0),
        latest="latest",
    )


def channel_state(queries: pl.DataFrame, channel_snapshots: pl.DataFrame) -> pl.DataFrame:
    """What the channel's last capture up to as_of said, one row per query; nulls when there was none.

    channel_snapshots: `tables.CHANNEL_SNAPSHOTS`.
    """
    columns = ["channel_id", "captured_at", "channel_country", "channel_created_at", "subscriber_count", "video_count"]
    captured = channel_snapshots.select(columns).sort("captured_at").rename({"captured_at": "known_at"})
    return _as_of(queries, captured, "channel_id")


def uploads_before(queries: pl.DataFrame, first_captures: pl.DataFrame, window: timedelta) -> pl.Series:
    """How many videos the channel had published less than `window` before as_of, of those captured by as_of.

    (n_queries,), null when the channel is not known. An upload that nobody had captured yet is not counted: a later
    capture would then change a row.
    """
    seen = pl.max_horizontal("captured_at", pl.col("published_at") + timedelta(microseconds=1))
    gone = pl.max_horizontal(seen, pl.col("published_at") + window)
    changes = pl.concat(
        [
            first_captures.select("channel_id", known_at=seen, change=pl.lit(1, pl.Int64)),
            first_captures.select("channel_id", known_at=gone, change=pl.lit(-1, pl.Int64)),
        ]
    ).sort("known_at")
    running = changes.select("channel_id", "known_at", uploads=pl.col("change").cum_sum().over("channel_id"))
    uploads = pl.when(queries["channel_id"].is_not_null()).then(pl.col("uploads").fill_null(0))
    return _as_of(queries, running, "channel_id").select(uploads).to_series()


def _events(videos: pl.DataFrame, *, value: pl.Expr, known_at: pl.Expr) -> pl.DataFrame:
    """One row per video whose value is known after its publication.

    What is "known" before (a scheduled premiere that was captured) says nothing of how the video did.
    """
    events = videos.select("video_id", *_CELL, "published_at", value=value, known_at=known_at)
    return events.filter(
        pl.col("channel_id").is_not_null(), pl.col("value").is_finite(), pl.col("known_at") > pl.col("published_at")
    )


def _as_of(queries: pl.DataFrame, running: pl.DataFrame, by: str | None = None) -> pl.DataFrame:
    """The last row of `running` with known_at <= as_of, one row per query in their order; nulls when there is none."""
    asked = queries.select("as_of", *([by] if by else []), row=pl.int_range(pl.len())).sort("as_of")
    found = asked.join_asof(running, left_on="as_of", right_on="known_at", by=by, check_sortedness=False)
    return found.sort("row").drop(asked.columns, "known_at")


def _running_statistics(ordered: pl.DataFrame) -> pl.DataFrame:
    """After each event: count, median, spread, plain mean and latest value of its channel."""
    value, all_so_far = pl.col("value"), max(ordered.height, 2)
    return ordered.select(
        "channel_id",
        "known_at",
        count=pl.int_range(1, pl.len() + 1).over("channel_id"),
        median=value.rolling_median(all_so_far, min_samples=1).over("channel_id"),
        spread=value.rolling_std(all_so_far, min_samples=2).over("channel_id"),
        channel_mean=_running_mean("channel_id"),
        latest="value",
    )


def _running_category_means(ordered: pl.DataFrame) -> pl.DataFrame:
    """After each event: the mean of its category."""
    return ordered.select("category_id", "known_at", m_category=_running_mean("category_id"))


def _running_mean(group: str) -> pl.Expr:
    """After each event: the mean of its group's values."""
    return (pl.col("value").cum_sum() / pl.int_range(1, pl.len() + 1)).over(group)


def _running_variances(ordered: pl.DataFrame) -> pl.DataFrame:
    """After each event: m_all, the mean of all; w and b, the variance within and between the channels of a category.

    With N events in C channels of G categories (a channel counts once in each of its categories), n of a channel:
    w = (Σ y² - Σ n ȳ²) / (N - C), and b = (SS - (C - G) w) / (N - Σ_category Σ_channel n² / N_category), where SS is
    the sum of squares of channel means around the category's. w is null while N = C, b while C = G.
    """
    # Variances don't depend on the origin; near the values, differences of sums of squares keep their digits.
    y = pl.col("value") - pl.col("value").first()
    n_cell, n_category = (pl.int_range(1, pl.len() + 1).over(group) for group in (_CELL, "category_id"))
    n_squares = (2 * n_cell - 1).cum_sum().over("category_id")
    sums = ordered.with_columns(y=y).select(
        "known_at",
        m_all=pl.col("value").cum_sum() / pl.int_range(1, pl.len() + 1),
        n=pl.int_range(1, pl.len() + 1),
        n_cells=(n_cell == 1).cum_sum().cast(pl.Int64),
        n_categories=(n_category == 1).cum_sum().cast(pl.Int64),
        squares=(pl.col("y") ** 2).cum_sum(),
        cells=_total(pl.col("y").cum_sum().over(_CELL) ** 2 / n_cell, _CELL),
        categories=_total(pl.col("y").cum_sum().over("category_id") ** 2 / n_category, "category_id"),
        n_effective=pl.int_range(1, pl.len() + 1) - _total(n_squares / n_category, "category_id"),
    )
    n, n_cells, n_categories = pl.col("n"), pl.col("n_cells"), pl.col("n_categories")
    within = pl.when(n > n_cells).then(((pl.col("squares") - pl.col("cells")) / (n - n_cells)).clip(0))
    surplus = pl.col("cells") - pl.col("categories") - (n_cells - n_categories) * pl.col("w")
    between = pl.when(n_cells > n_categories).then((surplus / pl.col("n_effective")).clip(0))
    return sums.with_columns(w=within).select("known_at", "m_all", "w", b=between)


def _total(running: pl.Expr, group: str | tuple[str, ...]) -> pl.Expr:
    """After each event: the sum over all groups of what `running` last was in each."""
    return (running - running.shift(1, fill_value=0).over(group)).cum_sum()
