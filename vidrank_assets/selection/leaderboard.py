"""All families of one grid partition, ranked, with their intervals and their distance to the best baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import polars as pl

from vidrank_assets.errors import InvalidInput, UnknownName
from vidrank_assets.results import LEADERBOARD, SLICE_METRICS
from vidrank_assets.selection.bootstrap import READS, RESAMPLES, Interval, improvement, interval
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.metrics import METRICS, Metric
from vidrank_assets.selection.task import SCORED, SLICES

_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Ranking:
    """By which metric of val rows are ranked, and how intervals are made.

    Raises UnknownName: no such metric.
    """

    metric_name: str = "rmse_log"
    resamples: int = RESAMPLES
    seed: int = 42

    def __post_init__(self) -> None:
        if self.metric_name not in METRICS:
            raise UnknownName(f"rank metric must be one of: {', '.join(METRICS)}; got {self.metric_name!r}.")

    @property
    def metric(self) -> Metric:
        """The rank metric."""
        return METRICS[self.metric_name]


def leaderboard(
    trials: Sequence[Trial], requested: Sequence[str], *, run_id: str, ranking: Ranking | None = None
) -> pl.DataFrame:
    """`tables.LEADERBOARD`, one row per trial, best first; where the rank metric is equal, by name.

    trials: of one cell, predicting the same rows. requested: the families that were asked for.

    Raises InvalidInput: a requested family has no metrics, or the trials don't belong together.
    """
    ranking = ranking or Ranking()
    _check(trials, requested, ranking.metric)
    ranked = sorted(trials, key=lambda each: (_loss(ranking.metric, each), each.name))
    over = next((each for each in ranked if each.is_baseline), None)
    rows = [
        _identity(each, run_id)
        | {"learns": each.model.learns, "is_baseline": each.is_baseline, "is_best": each is ranked[0]}
        | {"rank_metric": ranking.metric_name, "best_baseline": over.name if over else None}
        | _figures(each, over, ranking)
        | {"fit_seconds": each.fit_seconds, "predict_ms_per_1k": each.predict_ms_per_1k}
        for each in ranked
    ]
    return LEADERBOARD.checked(pl.DataFrame(rows, schema=LEADERBOARD.schema).fill_nan(None))


def slice_metrics(trials: Sequence[Trial], *, run_id: str) -> pl.DataFrame:
    """`tables.SLICE_METRICS`: the metrics of videos, by each value of each slice, of every trial."""
    rows = [
        _identity(each, run_id)
        | {"split": part, "slice": by, "value": value, "n": videos.height}
        | {name: metric.value(*_read(metric, videos)) for name, metric in METRICS.items() if metric.of == "videos"}
        for each in trials
        for by in SLICES
        for (part, value), videos in each.predictions.with_columns(pl.col(by).fill_null("unknown"))
        .sort("split", by, "video_id")
        .group_by("split", by, maintain_order=True)
    ]
    return SLICE_METRICS.checked(pl.DataFrame(rows, schema=SLICE_METRICS.schema).fill_nan(None))


def titled(table: pl.DataFrame) -> str:
    """What a leaderboard is of, in a line; captures of the sample world are called synthetic."""
    of = table.row(0, named=True)
    data = of["data_source"].replace("sample", "SYNTHETIC sample world")
    return f"{of['horizon_days']}d · {of['fusion_strategy']} · {of['information_set']} · {data}"


def printed(table: pl.DataFrame) -> pl.DataFrame:
    """A leaderboard for people: few columns, rounded, best first.

    `over <baseline>` is the improvement of the rank metric on test over the best baseline, with its 95 % interval;
    positive is better. `n_pairs` is how many pairs of test the pairwise_auc is of.
    """
    if table.is_empty():
        return pl.DataFrame(schema={"model": pl.String})
    metric = table["rank_metric"][0]
    rounded = (pl.col(f"test_improvement{bound}").round(3) for bound in ("", "_low", "_high"))
    gain, low, high = (pl.when(value == 0).then(0.0).otherwise(value) for value in rounded)  # -0.0 is no loss
    shown = dict.fromkeys((metric, "spearman", "pairwise_auc"))
    return table.select(
        "model",
        pl.when("is_best").then(pl.lit("best")).when("is_baseline").then(pl.lit("baseline")).alias("is"),
        pl.col(f"val_{metric}").round(3),
        *(pl.col(f"test_{name}").round(3) for name in shown),
        pl.when(~pl.col("is_baseline"))
        .then(pl.format("{} [{}, {}]", gain, low, high))
        .alias(f"over {table['best_baseline'][0]}"),
        pl.col("n_train", "n_test"),
        pl.col("n_test_pairs").alias("n_pairs"),
        pl.col("fit_seconds").round(2),
    )


def _check(trials: Sequence[Trial], requested: Sequence[str], metric: Metric) -> None:
    if missing := sorted(set(requested) - {each.name for each in trials}):
        raise InvalidInput(
            f"every requested family must have metrics; there are none for {', '.join(missing)}. "
            "Materialize it on this partition, or don't ask for it."
        )
    if not trials or len({each.cell for each in trials}) > 1 or len({each.name for each in trials}) < len(trials):
        found = ", ".join(f"{each.name} on {each.cell}" for each in trials) or "no trials"
        raise InvalidInput(
            f"a leaderboard must be of one trial per family, all of one strategy, horizon and information set; found "
            f"{found}. Rank each partition by itself."
        )
    rows = trials[0].predictions.select("video_id", "split", "y_true")
    if unlike := [each.name for each in trials if not each.predictions.select(rows.columns).equals(rows)]:
        raise InvalidInput(
            f"all families must be scored on the same videos; {', '.join(unlike)} differ from {trials[0].name}. "
            "Materialize them again on one split."
        )
    if _scorable(metric, trials[0], "val").is_empty():
        raise InvalidInput(
            f"the rank metric {metric.name} must have {metric.of} of val; there are none. "
            "Rank by another metric, or capture channels with more videos."
        )


def _identity(each: Trial, run_id: str) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "fusion_strategy": each.cell.fusion_strategy,
        "horizon_days": each.cell.horizon_days,
        "model": each.name,
        "information_set": each.cell.information_set,
        "data_source": each.cell.data_source,
    }


def _figures(each: Trial, over: Trial | None, ranking: Ranking) -> dict[str, float]:
    """Metrics, intervals and numbers of rows."""
    figures: dict[str, float] = {"n_train": each.n_train}
    for part in SCORED:
        figures |= {f"{part}_{name}": _value(metric, each, part) for name, metric in METRICS.items()}
        figures |= _intervals(each, over, ranking, part)
        figures[f"n_{part}"] = each.predictions.filter(split=part).height
        figures[f"n_{part}_pairs"] = _scorable(METRICS["pairwise_auc"], each, part).height
    return figures


def _intervals(each: Trial, over: Trial | None, ranking: Ranking, part: str) -> dict[str, float]:
    drawn = {"resamples": ranking.resamples, "seed": ranking.seed}
    own = better = _UNKNOWN
    rows = _scorable(ranking.metric, each, part)
    if rows.height:
        own = interval(ranking.metric, rows, **drawn)
    if rows.height and over:
        better = improvement(ranking.metric, rows, _scorable(ranking.metric, over, part), **drawn)
    return {
        f"{part}_rank_low": own.low,
        f"{part}_rank_high": own.high,
        f"{part}_improvement": better.value,
        f"{part}_improvement_low": better.low,
        f"{part}_improvement_high": better.high,
    }


def _value(metric: Metric, each: Trial, part: str) -> float:
    rows = _scorable(metric, each, part)
    return metric.value(*_read(metric, rows)) if rows.height else float("nan")


def _loss(metric: Metric, each: Trial) -> float:
    """Lower is better; a model for which the metric is not defined comes after all others."""
    value = -metric.sign * _value(metric, each, "val")
    return float("inf") if isnan(value) else value


def _scorable(metric: Metric, each: Trial, part: str) -> pl.DataFrame:
    """The rows of a part that the metric reads: its videos, or its pairs with different targets."""
    if metric.of == "videos":
        return each.predictions.filter(split=part)
    return each.pair_predictions.filter(pl.col("split") == part, pl.col("target_a") != pl.col("target_b"))


def _read(metric: Metric, rows: pl.DataFrame) -> list[Any]:
    return [rows[name].to_numpy() for name in READS[metric.of]]
