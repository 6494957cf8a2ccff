"""All families of one grid partition, ranked, with their intervals and their distances to others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import polars as pl

from vidrank_assets.errors import InvalidInput, UnknownName
from vidrank_assets.results import LEADERBOARD, SLICE_METRICS
from vidrank_assets.selection.bootstrap import RESAMPLES, Bootstrapped, Interval, bootstrapped
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.metrics import METRICS, Metric
from vidrank_assets.selection.scored_rows import check_comparable, columns_of, fingerprint, scorable, value
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
    """`results.LEADERBOARD`, one row per trial, best first; where the rank metric is equal, by name.

    trials: of one cell, predicting the same rows. requested: the families that were asked for.
    All rows are compared on the same resamples of channels. `is_pareto` rests on measured times, so it may differ
    between runs as `fit_seconds` and `predict_ms_per_1k` do; everything else is the same to the last digit.

    Raises InvalidInput: a requested family has no metrics, or the trials don't belong together.
    """
    ranking = ranking or Ranking()
    _check(trials, requested, ranking.metric)
    ranked = sorted(trials, key=lambda each: (_loss(ranking.metric, each), each.name))
    over = next((each.name for each in ranked if each.is_baseline), None)
    front = _pareto(ranking.metric, ranked)
    drawn = {part: _bootstrapped(ranking, ranked, part) for part in SCORED}
    rows = [
        _identity(each, run_id)
        | {"learns": each.model.learns, "origin": each.origin, "is_baseline": each.is_baseline}
        | {"is_best": each is ranked[0], "is_pareto": each.name in front}
        | {"rank_metric": ranking.metric_name, "best_baseline": over}
        | _figures(each)
        | _intervals(drawn, each.name, over=over, above=above)
        | {"fit_seconds": each.fit_seconds, "predict_ms_per_1k": each.predict_ms_per_1k}
        | {"scored_videos": fingerprint(each)}
        for above, each in zip([None, *(each.name for each in ranked)], ranked, strict=False)
    ]
    return LEADERBOARD.checked(pl.DataFrame(rows, schema=LEADERBOARD.schema).fill_nan(None))


def slice_metrics(trials: Sequence[Trial], *, run_id: str) -> pl.DataFrame:
    """`results.SLICE_METRICS`: the metrics of videos, by each value of each slice, of every trial."""
    rows = [
        _identity(each, run_id)
        | {"split": part, "slice": by, "value": value, "n": videos.height}
        | {name: metric.value(*columns_of(metric, videos)) for name, metric in METRICS.items() if metric.of == "videos"}
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
    sizes = f"{of['n_train']} train, {of['n_val']} val, {of['n_test']} test videos, {of['n_test_pairs']} test pairs"
    return f"{of['horizon_days']}d · {of['fusion_strategy']} · {of['information_set']} · {data} · {sizes}"


def printed(table: pl.DataFrame) -> pl.DataFrame:
    """A leaderboard for people: few columns, rounded, best first.

    `is` says best, whose idea the family is, and `fast` where no other row is as good and as fast. `over <baseline>`
    and `over the row above` are the improvement of the rank metric on test, with its 95 % interval; positive is
    better.
    """
    if table.is_empty():
        return pl.DataFrame(schema={"model": pl.String})
    metric = table["rank_metric"][0]
    marks = (
        pl.when("is_best").then(pl.lit("best")),
        "origin",
        pl.when(pl.col("is_pareto") & ~pl.col("is_baseline")).then(pl.lit("fast")),
    )
    return table.select(
        "model",
        pl.concat_str(marks, separator=" · ", ignore_nulls=True).alias("is"),
        pl.col(f"val_{metric}").round(3),
        *(pl.col(f"test_{name}").round(3) for name in dict.fromkeys((metric, "spearman", "pairwise_auc"))),
        pl.when(~pl.col("is_baseline")).then(_gain("test_improvement")).alias(f"over {table['best_baseline'][0]}"),
        _gain("test_over_above").alias("over the row above"),
        pl.col("fit_seconds").round(2),
    )


def _gain(name: str) -> pl.Expr:
    """`0.12 [0.03, 0.21]`; null where one of them is."""
    rounded = (pl.col(f"{name}{bound}").round(3) for bound in ("", "_low", "_high"))
    return pl.format("{} [{}, {}]", *(pl.when(each == 0).then(0.0).otherwise(each) for each in rounded))  # never -0.0


def _check(trials: Sequence[Trial], requested: Sequence[str], metric: Metric) -> None:
    if missing := sorted(set(requested) - {each.name for each in trials}):
        raise InvalidInput(
            f"every requested family must have metrics; there are none for {', '.join(missing)}. "
            "Materialize it on this partition, or don't ask for it."
        )
    check_comparable(trials)
    if scorable(metric, trials[0], "val").is_empty():
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


def _figures(each: Trial) -> dict[str, float]:
    """Metrics and numbers of rows."""
    figures: dict[str, float] = {"n_train": each.n_train}
    for part in SCORED:
        figures |= {f"{part}_{name}": value(metric, each, part) for name, metric in METRICS.items()}
        figures[f"n_{part}"] = each.predictions.filter(split=part).height
        figures[f"n_{part}_pairs"] = scorable(METRICS["pairwise_auc"], each, part).height
    return figures


def _bootstrapped(ranking: Ranking, trials: Sequence[Trial], part: str) -> dict[str, Bootstrapped]:
    """The rank metric on resamples of a part, by name; empty where the part has no rows for it."""
    rows = {each.name: scorable(ranking.metric, each, part) for each in trials}
    return {
        name: bootstrapped(ranking.metric, each, resamples=ranking.resamples, seed=ranking.seed)
        for name, each in rows.items()
        if each.height
    }


def _intervals(
    drawn: Mapping[str, Mapping[str, Bootstrapped]], name: str, *, over: str | None, above: str | None
) -> dict[str, float]:
    """The interval of a row, and its distances to the best baseline and to the row above."""
    found: dict[str, float] = {}
    for part, by_name in drawn.items():
        own = by_name[name].interval if name in by_name else _UNKNOWN
        found |= {f"{part}_rank_low": own.low, f"{part}_rank_high": own.high}
        for column, other in (("improvement", over), ("over_above", above)):
            gain = by_name[name].over(by_name[other]) if name in by_name and other else _UNKNOWN
            found |= {f"{part}_{column}{end}": bound for end, bound in zip(("", "_low", "_high"), gain, strict=True)}
    return found


def _pareto(metric: Metric, trials: Sequence[Trial]) -> set[str]:
    """The rows than which no other is at least as good on val and as fast, and one of them strictly."""
    costs = {each.name: (_loss(metric, each), each.predict_ms_per_1k) for each in trials}
    return {
        name
        for name, (loss, time) in costs.items()
        if not any(a <= loss and b <= time and (a, b) != (loss, time) for a, b in costs.values())
    }


def _loss(metric: Metric, each: Trial) -> float:
    """Lower is better; a model for which the metric is not defined comes after all others."""
    loss = -metric.sign * value(metric, each, "val")
    return float("inf") if isnan(loss) else loss
