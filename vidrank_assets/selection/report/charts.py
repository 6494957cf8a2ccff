"""What the leaderboard shows, drawn: who is first, how surely, at what cost, and how each family learned."""

from collections.abc import Sequence
from math import isfinite, log10
from statistics import median
from typing import Any

import polars as pl

from vidrank_assets.models.base import Step
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.report.numbers import decimals, interval, signed
from vidrank_assets.selection.report.theme import LIGHT, SHAPES, Chart, data_of, logarithmic_axis, panel

_ROW_HEIGHT = 22
_FORMS = "● ours   ◆ reference system   ▲ peer of the ranker   ■ baseline"
_STEPS_SHOWN = 150


def scores(leaderboard: pl.DataFrame) -> Chart:
    """The rank metric of every family on test, with its interval; what is far off is shown at the edge."""
    import altair as alt

    metric, best = leaderboard["rank_metric"][0], leaderboard["model"][0]
    rows = _marked(leaderboard, f"test_{metric}", "test_rank_low", "test_rank_high")
    low, high = _ends(rows, _of(rows, leaderboard))
    rows = _held_within(rows, low, high)
    scale = alt.Scale(domain=[low, high], nice=False, zero=False, clamp=True)
    base = alt.Chart(data_of(rows)).encode(y=_families(leaderboard))
    x = alt.X("value:Q", scale=scale, axis=alt.Axis(title=f"{metric} on test, {_better(metric)}", tickCount=5))
    over = rows.filter(model=leaderboard["best_baseline"][0] or "").select("value")
    return panel(
        alt.Chart(data_of(over)).mark_rule(strokeDash=[3, 3], color=LIGHT["baseline"]).encode(x=x),
        base.transform_filter("!datum.beyond")
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q", color=_by_origin()),
        base.transform_filter("!datum.beyond")
        .mark_point(filled=True, size=60, opacity=1, aria=True)
        .encode(x=x, color=_by_origin(), shape=_by_form(), description="said:N"),
        base.transform_filter("datum.beyond")
        .mark_text(align="right", dx=-1, aria=True)
        .encode(x=x, text="off_scale:N", color=_by_origin(), description="said:N"),
        height=_ROW_HEIGHT * rows.height,
        title="How good each family is",
        subtitle=_FORMS,
        alternative=f"{metric} on test with 95 % intervals, {_better(metric)}. First on validation: {best}. "
        + "; ".join(rows["said"].to_list()),
    )


def improvements(leaderboard: pl.DataFrame) -> Chart:
    """By how much every family is better than the best baseline, with its interval; hollow where that covers zero."""
    import altair as alt

    metric, over = leaderboard["rank_metric"][0], leaderboard["best_baseline"][0]
    rows = _marked(leaderboard, "test_improvement", "test_improvement_low", "test_improvement_high", plus=True)
    low, high = _ends(rows, _of(rows, leaderboard))
    rows = _held_within(rows, low, high)
    scale = alt.Scale(domain=[low, high], nice=False, clamp=True)
    base = alt.Chart(data_of(rows)).encode(y=_families(leaderboard))
    x = alt.X("value:Q", scale=scale, axis=alt.Axis(title=f"better than {over} by, in {metric} →", tickCount=5))
    dots: dict[str, Any] = {"size": 60, "opacity": 1, "strokeWidth": 2, "aria": True}
    placed: dict[str, Any] = {"x": x, "color": _by_origin(), "shape": _by_form(), "description": "said:N"}
    return panel(
        alt.Chart(data_of(pl.DataFrame({"value": [0.0]}))).mark_rule(color=LIGHT["ink"]).encode(x=x),
        base.transform_filter("!datum.beyond")
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q", color=_by_origin()),
        base.transform_filter("!datum.beyond && datum.sure").mark_point(filled=True, **dots).encode(**placed),
        base.transform_filter("!datum.beyond && !datum.sure")
        .mark_point(filled=True, fill=LIGHT["ground"], **dots)
        .encode(**placed | {"stroke": _by_origin("stroke"), "color": alt.Undefined}),
        base.transform_filter("datum.beyond")
        .mark_text(align="left", dx=1, aria=True)
        .encode(x=x, text="off_scale:N", color=_by_origin(), description="said:N"),
        height=_ROW_HEIGHT * rows.height,
        title=f"How much better than {over}",
        subtitle="hollow: the 95 % interval covers zero, so no evidence",
        alternative=f"Improvement of {metric} on test over {over} with 95 % intervals; above zero is better. "
        + "; ".join(rows["said"].to_list()),
    )


def cost(leaderboard: pl.DataFrame) -> Chart:
    """The rank metric on val against the time of a prediction; a line joins what nothing beats in both.

    What is far off the scale is left out.
    """
    import altair as alt

    metric = leaderboard["rank_metric"][0]
    rows, (low, high) = _costs(leaderboard, metric)
    base = alt.Chart(data_of(rows))
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(domain=[low, high], reverse=not METRICS[metric].higher_is_better, zero=False, nice=False),
        axis=alt.Axis(title=f"{metric} on validation; up is better", tickCount=5),
    )
    times = rows["ms"].to_list() or [1.0]
    fastest, slowest = min(times), max(times)
    x = alt.X("ms:Q", **logarithmic_axis("milliseconds to predict 1,000 videos", fastest / 1.5, slowest * 1.5))
    return panel(
        base.transform_filter("datum.is_pareto")
        .mark_line(color=LIGHT["line"], interpolate="step-after")
        .encode(x=x, y=y, order="ms:Q"),
        base.mark_point(filled=True, size=60, opacity=1, aria=True).encode(
            x=x, y=y, color=_by_origin(), shape=_by_form(), description="said:N"
        ),
        *(name.encode(x=x, y=y, text="model:N") for name in _names(base, (fastest * slowest) ** 0.5)),
        height=260,
        title="Quality against the time of a prediction",
        subtitle=_FORMS,
        alternative=f"{metric} on validation against milliseconds to predict 1,000 videos. "
        "Nothing is both better on validation and faster than: " + ", ".join(rows.filter("is_pareto")["model"]) + ".",
    )


def _costs(leaderboard: pl.DataFrame, metric: str) -> tuple[pl.DataFrame, tuple[float, float]]:
    """A row a family with score, ms, whether it is named and on which side of its point; and the ends of the scale."""
    rows = _marked(leaderboard, f"val_{metric}", "val_rank_low", "val_rank_high")
    ends = _ends(rows, _of(rows, leaderboard))
    rows = _held_within(rows, *ends).with_columns(
        ms=leaderboard["predict_ms_per_1k"].clip(1e-3), is_pareto=leaderboard["is_pareto"]
    )
    rows = rows.with_columns(named=pl.col("is_pareto") | leaderboard["is_best"])
    rows = rows.drop_nulls(["value", "ms"]).filter(~pl.col("beyond")).sort("ms", "model")
    return rows.with_columns(turn=pl.col("named").cum_sum() % 2), ends


def _names(base: Any, middle_ms: float) -> list[Any]:
    """Names beside their points, towards the middle, in turns above and below so that neighbours do not meet."""
    left = f"datum.ms > {middle_ms}"
    sides: tuple[tuple[str, dict[str, Any]], ...] = (
        (f"!({left})", {"align": "left", "dx": 8}),
        (left, {"align": "right", "dx": -8}),
    )
    return [
        base.transform_filter(f"datum.named && {side} && datum.turn == {turn}").mark_text(dy=dy, **placed)
        for side, placed in sides
        for turn, dy in ((0, -9), (1, 13))
    ]


def learning_curve(model: str, curve: Sequence[Step]) -> Chart:
    """Root mean squared error of train and val by epoch or round; a rule where val is lowest, which is what is kept."""
    import altair as alt

    best = min(curve, key=lambda step: step.val_rmse if isfinite(step.val_rmse) else float("inf"))
    rows = _steps(curve, best)
    base = alt.Chart(data_of(rows))
    last = rows.group_by("part", maintain_order=True).last().sort("rmse")  # the lower is labelled below its line
    x = alt.X(
        "number:Q",
        axis=alt.Axis(title="epoch or round", tickMinStep=1, tickCount=5, grid=False),
        scale=alt.Scale(nice=False, domain=[curve[0].number, max(curve[-1].number, curve[0].number + 1)]),
    )
    y = alt.Y(
        "rmse:Q",
        scale=alt.Scale(zero=False, nice=False, padding=16),
        axis=alt.Axis(title="rmse of what is learned", tickCount=4),
    )
    paint = alt.Color(
        "part:N",
        scale=alt.Scale(domain=["train", "val"], range=[LIGHT["baseline"], LIGHT["ours"]]),
        legend=None,
    )
    best_rows = data_of(pl.DataFrame({"number": [best.number], "said": [f"best on val: step {best.number}"]}))
    return panel(
        alt.Chart(best_rows)
        .mark_rule(strokeDash=[3, 3], color=LIGHT["muted"], aria=True)
        .encode(x=x, description="said:N"),
        base.mark_line(strokeWidth=2).encode(x=x, y=y, color=paint),
        *(
            alt.Chart(data_of(last[at]))
            .mark_text(align="right", dy=dy, fontWeight=600)
            .encode(x=x, y=y, color=paint, text="part:N")
            for at, dy in ((slice(1), 10), (slice(1, 2), -9))
        ),
        height=150,
        title=model,
        subtitle=f"best on val at step {best.number} of {curve[-1].number}: {decimals(best.val_rmse)}",
        alternative=f"Learning curve of {model}: val rmse from {decimals(curve[0].val_rmse)} to "
        f"{decimals(best.val_rmse)} at step {best.number} of {curve[-1].number}.",
    )


def _steps(curve: Sequence[Step], best: Step) -> pl.DataFrame:
    """A row a step and part, of so many steps as can be told apart, the best and the last among them."""
    every = -(-len(curve) // _STEPS_SHOWN)
    kept = [step for at, step in enumerate(curve) if at % every == 0 or step in (best, curve[-1])]
    return pl.DataFrame(
        [
            {"number": step.number, "part": part, "rmse": rmse}
            for step in kept
            for part, rmse in (("train", step.train_rmse), ("val", step.val_rmse))
            if rmse is not None and isfinite(rmse)
        ],
        schema={"number": pl.Int64, "part": pl.String, "rmse": pl.Float64},
    )


def _better(metric: str) -> str:
    return "higher is better" if METRICS[metric].higher_is_better else "lower is better"


def _marked(leaderboard: pl.DataFrame, value: str, low: str, high: str, *, plus: bool = False) -> pl.DataFrame:
    """model, origin, value, low and high of each row, whether zero is outside, and the row in words."""
    rows = leaderboard.select("model", "origin", value=value, low=low, high=high)
    number = signed if plus else decimals
    return rows.with_columns(
        sure=((pl.col("low") > 0) | (pl.col("high") < 0)).fill_null(False),
        said=pl.Series(
            [f"{m}: {number(v)} {interval(lo, hi, plus=plus)}" for m, _, v, lo, hi in rows.rows()], dtype=pl.String
        ),
    )


def _ends(rows: pl.DataFrame, over: float | None) -> tuple[float, float]:
    """The ends of the scale: from the first row to half as far again as the best baseline or the median row.

    One family that is far off would else leave no room for the others to differ.
    """
    known = rows.drop_nulls("value")
    if known.is_empty():
        return 0.0, 1.0
    first = known["value"][0]
    distances = [abs(value - first) for value in known["value"]]
    reach = 1.5 * max(median(distances), abs(over - first) if over is not None else 0.0) or float("inf")
    near = known.filter((pl.col("value") - first).abs() <= reach)
    shown = near.select(low=pl.coalesce("low", "value"), high=pl.coalesce("high", "value"))
    low, high = (float(end) for end in shown.select(pl.min("low"), pl.max("high")).row(0))
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 0.1
    return low - margin, high + margin


def _of(rows: pl.DataFrame, leaderboard: pl.DataFrame) -> float | None:
    """The value of the best baseline."""
    return dict(rows.select("model", "value").rows()).get(leaderboard["best_baseline"][0])


def _held_within(rows: pl.DataFrame, low: float, high: float) -> pl.DataFrame:
    """Values beyond the scale stand at its edge, with an arrow and their number."""
    digits = max(0, 2 - int(log10(max(high - low, 1e-9))))
    off = [
        f"{decimals(value, digits)} →" if value is not None and value > high else f"← {decimals(value, digits)}"
        for value in rows["value"]
    ]
    within = [pl.col(name).clip(low, high) for name in ("low", "high", "value")]
    beyond = ~pl.col("value").is_between(low, high)
    return rows.with_columns(beyond=beyond.fill_null(False), off_scale=pl.Series(off, dtype=pl.String)).with_columns(
        *within
    )


def _families(leaderboard: pl.DataFrame) -> Any:
    import altair as alt

    first = f"datum.value === '{leaderboard['model'][0]}'"
    return alt.Y(
        "model:N",
        sort=leaderboard["model"].to_list(),
        axis=alt.Axis(
            title=None,
            ticks=False,
            grid=True,
            labelLimit=130,
            labelFontWeight={"condition": {"test": first, "value": "bold"}, "value": "normal"},
            labelColor={"condition": {"test": first, "value": LIGHT["ink"]}, "value": LIGHT["muted"]},
        ),
    )


def _by_origin(channel: str = "color") -> Any:
    import altair as alt

    paints = alt.Scale(domain=list(SHAPES), range=[LIGHT[origin] for origin in SHAPES])
    encoding = {"color": alt.Color, "stroke": alt.Stroke}[channel]
    return encoding("origin:N", scale=paints, legend=None)


def _by_form() -> Any:
    import altair as alt

    return alt.Shape("origin:N", scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())), legend=None)
