"""The tables that models leave behind: every family ranked, within a run and over all, and what its parts are worth."""

from dataclasses import replace

from vidrank_assets.schema import Table, flag, number, text, whole

_STRATEGY = text("fusion_strategy", "how the modalities were joined", nullable=False)
_HORIZON_DAYS = whole("horizon_days", "age of the video at the horizon", "days", "identity", nullable=False)
_SOURCE = text("data_source", "where the captures came from; `sample` is synthetic", nullable=False)
_SCALES = (("log", "log views"), ("raw", "views"))
_VIDEO_METRICS = (
    *(number(f"rmse_{scale}", f"root mean squared error of target_{scale}", unit) for scale, unit in _SCALES),
    *(number(f"mae_{scale}", f"mean absolute error of target_{scale}", unit) for scale, unit in _SCALES),
    number("r2_log", "share of the variance of target_log explained", "share"),
    number("spearman", "rank correlation of prediction and target", "correlation"),
)
_RANKED = (
    number("pairwise_auc", "share of honest pairs in the right order, ties in score half", "share"),
    *(number(f"rank_{end}", "an end of the rank metric's 95 % interval", "as the metric") for end in ("low", "high")),
    number("improvement", "of the rank metric over best_baseline; positive is better", "as the metric"),
    *(number(f"improvement_{end}", "an end of its 95 % interval", "as the metric") for end in ("low", "high")),
    number("over_above", "of the rank metric over the row above; positive is better", "as the metric"),
    *(number(f"over_above_{end}", "an end of its 95 % interval", "as the metric") for end in ("low", "high")),
)
_RUN_ID = text("run_id", "the run or backfill that trained it", nullable=False)
_FAMILY = text("model", "catalog name of the family", nullable=False)
_KNOWING = text("information_set", "what it knew: publish or snapshot1", nullable=False)
_TEST_ROWS = text(
    "scored_videos", "fingerprint of the videos and targets of val and test: only equal ones compare", nullable=False
)

LEADERBOARD = Table(
    "leaderboard",
    ("run_id", "fusion_strategy", "horizon_days", "model"),
    (
        *(_RUN_ID, _STRATEGY, _HORIZON_DAYS, _FAMILY, _KNOWING, _SOURCE),
        text("learns", "what it was fitted to", nullable=False),
        text("origin", "baseline, peer (of the ranker), reference (of the reference system) or ours", nullable=False),
        flag("is_baseline", "every other family must beat it"),
        flag("is_best", "first by the rank metric"),
        flag("is_pareto", "no other row is as good on val and as fast to predict, and better in one of them"),
        text("rank_metric", "what rows are sorted by, on val", nullable=False),
        text("best_baseline", "the baseline that is first by the rank metric; null without one"),
        *(replace(each, name=f"{part}_{each.name}") for part in ("val", "test") for each in _VIDEO_METRICS + _RANKED),
        *(whole(f"n_{rows}", f"rows of {rows}") for rows in ("train", "val", "test", "val_pairs", "test_pairs")),
        number("fit_seconds", "wall time of the fit", "seconds"),
        number("predict_ms_per_1k", "wall time of predicting 1,000 videos", "milliseconds"),
        _TEST_ROWS,
    ),
)

SLICE_METRICS = Table(
    "slice_metrics",
    ("run_id", "fusion_strategy", "horizon_days", "model", "split", "slice", "value"),
    (
        *(_RUN_ID, _STRATEGY, _HORIZON_DAYS, _FAMILY, _KNOWING, _SOURCE),
        text("split", "val or test", nullable=False),
        text("slice", "the column by which videos are told apart", nullable=False),
        text("value", "what they have in it; `unknown` where it is null", nullable=False),
        whole("n", "videos of the slice", nullable=False),
        *_VIDEO_METRICS,
    ),
)

COMPARISON = Table(
    "comparison",
    ("run_id", "fusion_strategy", "horizon_days", "information_set", "model"),
    (
        whole("run", "number of the run in time, 1 is the oldest", "number", nullable=False),
        whole("rank", "place among rows of one horizon, information_set and scored_videos", "place", nullable=False),
        whole("n_ranked", "how many those are", "rows", nullable=False),
        flag("is_best_of_horizon", "first among them"),
        text("compared_by", "the metric of val that they are ranked by", nullable=False),
        *(
            number(f"{part}_over_best", f"of that metric on {part} over the first; positive is better", "as the metric")
            for part in ("val", "test")
        ),
        *LEADERBOARD.columns,
    ),
)

MODALITY_ABLATION = Table(
    "modality_ablation",
    ("run_id", "fusion_strategy", "horizon_days", "model", "without"),
    (
        *(_RUN_ID, _STRATEGY, _HORIZON_DAYS, _FAMILY, _KNOWING, _SOURCE),
        text("without", "the modality whose vectors were left out", nullable=False),
        text("rank_metric", "the metric of what follows", nullable=False),
        *(
            number(f"{part}_{name}", meaning, "as the metric")
            for part in ("val", "test")
            for name, meaning in (
                ("with", "the rank metric with all modalities"),
                ("without", "without that one"),
                ("gain", "how much better it is with it; positive: the modality helps"),
                ("gain_low", "an end of its 95 % interval"),
                ("gain_high", "an end of its 95 % interval"),
            )
        ),
        number("fit_seconds", "wall time of the fit without it", "seconds"),
        _TEST_ROWS,
    ),
)
