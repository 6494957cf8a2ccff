"""Strategies beside each other at one horizon, drawn: their best families, and the others behind them."""

from typing import Any

import polars as pl

from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.report.numbers import decimals, interval, signed
from vidrank_assets.selection.report.theme import LIGHT, Chart, data_of, panel

_ROW_HEIGHT = 34


def strategy_scores(rows: pl.DataFrame, *, title: str) -> Chart:
    """The rank metric on test of each strategy's best family, with its interval.

    Other families that are no worse than the best baseline are pale dots.

    rows: `results.LEADERBOARD` of several strategies at one horizon, of one rank metric.
    """
    import altair as alt

    metric = rows["rank_metric"][0]
    marked = _marked(rows, f"test_{metric}", "test_rank_low", "test_rank_high", plus=False)
    best = marked.filter("is_best")
    over = marked.filter(pl.col("model") == pl.col("best_baseline")).select("fusion_strategy", over="value")
    gain = METRICS[metric].sign * (pl.col("value") - pl.col("over"))
    others = marked.join(over, on="fusion_strategy", how="left", maintain_order="left").filter(
        ~pl.col("is_best"), gain >= 0
    )
    word = "higher" if METRICS[metric].higher_is_better else "lower"
    x = alt.X(
        "value:Q",
        scale=alt.Scale(zero=False, nice=False, padding=10),
        axis=alt.Axis(title=f"{metric} on test, {word} is better", tickCount=5),
    )
    return panel(
        alt.Chart(data_of(others))
        .mark_circle(size=22, fillOpacity=0.5, opacity=1, color=LIGHT["baseline"], aria=True)
        .encode(x=x, y=_strategies(best), description="said:N"),
        *_intervals(best, x),
        height=_ROW_HEIGHT * best.height,
        title=title,
        alternative=f"{metric} on test of each strategy's best family, {word} is better. " + "; ".join(best["said"]),
    )


def strategy_improvements(rows: pl.DataFrame, *, title: str) -> Chart:
    """By how much each strategy's best family is better than the best baseline, with its interval; rows as above."""
    import altair as alt

    best = _marked(rows, "test_improvement", "test_improvement_low", "test_improvement_high", plus=True).filter(
        "is_best"
    )
    metric = rows["rank_metric"][0]
    x = alt.X(
        "value:Q",
        scale=alt.Scale(nice=False, padding=10),
        axis=alt.Axis(title=f"better than the best baseline by, in {metric} →", tickCount=5),
    )
    return panel(
        alt.Chart(data_of(pl.DataFrame({"value": [0.0]}))).mark_rule(color=LIGHT["ink"]).encode(x=x),
        *_intervals(best, x),
        height=_ROW_HEIGHT * best.height,
        title=title,
        alternative=f"Improvement of {metric} on test over the best baseline. " + "; ".join(best["said"]),
    )


def _intervals(best: pl.DataFrame, x: Any) -> list[Any]:
    import altair as alt

    base = alt.Chart(data_of(best)).encode(y=_strategies(best))
    return [
        base.mark_rule(strokeWidth=2, color=LIGHT["ours"]).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1, color=LIGHT["ours"], aria=True).encode(
            x=x, description="said:N"
        ),
        base.mark_text(dy=-11, color=LIGHT["ink"]).encode(x=x, text="model:N"),
    ]


def _strategies(best: pl.DataFrame) -> Any:
    import altair as alt

    names = best["fusion_strategy"].to_list()
    return alt.Y("fusion_strategy:N", sort=names, axis=alt.Axis(title=None, ticks=False, grid=True, labelLimit=110))


def _marked(rows: pl.DataFrame, value: str, low: str, high: str, *, plus: bool) -> pl.DataFrame:
    shown = rows.select("fusion_strategy", "model", "is_best", "best_baseline", value=value, low=low, high=high)
    number = signed if plus else decimals
    said = [
        f"{strategy}, {model}: {number(at)} {interval(low_end, high_end, plus=plus)}"
        for strategy, model, _, _, at, low_end, high_end in shown.rows()
    ]
    return shown.with_columns(said=pl.Series(said, dtype=pl.String)).drop_nulls("value")
