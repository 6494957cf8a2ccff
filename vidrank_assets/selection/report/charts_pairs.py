"""How well pairs are told apart, drawn: do probabilities hold, which pairs are easy, what have the heads learned."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from vidrank_assets.selection.pair_probability import PairProbability, reliability, wilson
from vidrank_assets.selection.report.charts_predictions import sampled
from vidrank_assets.selection.report.numbers import decimals, grouped, share
from vidrank_assets.selection.report.theme import LIGHT, Chart, data_of, panel

#: Where a bin begins, and what its bins are called: a margin as the winner's multiple of the loser's.
MARGINS = (
    (0.0, "up to ×1.1"),
    (0.1, "×1.1–1.3"),
    (0.25, "×1.3–2"),
    (0.5, "×2–4"),
    (0.75, "×4–10"),
    (0.9, "×10 and more"),
)
DAYS = ((0.0, "less than 1"), (1.0, "1–3"), (3.0, "3–7"), (7.0, "7–14"), (14.0, "14 and more"))

#: Fewer pairs than this say little: such a bin is drawn pale.
FEW = 20
_ROW_HEIGHT = 26


def reliability_chart(of_winner: np.ndarray[Any, np.dtype[np.float64]]) -> Chart:
    """How often the surer side won over how sure was said, in bins with Wilson's interval; the diagonal is right.

    of_winner: by `pair_probability.winner_probability`.
    """
    import altair as alt

    rows = reliability(of_winner)
    said = [
        f"said {share(p)}, held {share(w)} [{share(low)}, {share(high)}] of {grouped(n)} pairs"
        for p, w, low, high, n in rows.select("said", "won", "low", "high", "pairs").rows()
    ]
    rows = rows.with_columns(
        told=pl.Series(said, dtype=pl.String),
        few=pl.col("pairs") < FEW,
        n=pl.Series([grouped(n) for n in rows["pairs"]]),
    )
    steps = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    x = alt.X(
        "said:Q",
        scale=alt.Scale(domain=[0.5, 1.0], nice=False),
        axis=alt.Axis(title="probability said", values=steps, format=".0%"),
    )
    lowest = min(0.4, float(np.floor(rows["low"].to_numpy().min() * 10) / 10))
    scale = alt.Scale(domain=[lowest, 1.0], nice=False)
    y = alt.Y("won:Q", scale=scale, axis=alt.Axis(title="share of pairs in which it held", format=".0%", tickCount=6))
    base = alt.Chart(data_of(rows))
    pale: dict[str, Any] = {"opacity": alt.condition("datum.few", alt.value(0.35), alt.value(1))}
    ends = alt.Chart(data_of(pl.DataFrame({"said": [0.5, 1.0], "won": [0.5, 1.0]})))
    return panel(
        ends.mark_line(color=LIGHT["line"], strokeWidth=1.5).encode(x=x, y=y),
        base.mark_rule(strokeWidth=2, color=LIGHT["ours"]).encode(
            x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q", **pale
        ),
        base.mark_point(filled=True, size=60, color=LIGHT["ours"], aria=True).encode(
            x=x, y=y, description="told:N", **pale
        ),
        base.mark_text(align="left", dx=6, dy=10, color=LIGHT["muted"]).encode(x=x, y=y, text="n:N"),
        height=280,
        title="What was said, and how often it held",
        subtitle="bins of 5 points, with n; no gap filter; on the line it holds",
        alternative="Share of test pairs in which the surer side won, by how sure was said. " + "; ".join(said) + ".",
    )


def curve_chart(probability: PairProbability) -> Chart:
    """The calibrated probability over the difference of scores, with its interval, as it was learned from val."""
    import altair as alt

    rows = pl.DataFrame(
        {
            "difference": probability.difference,
            "value": probability.value,
            "low": probability.low,
            "high": probability.high,
        }
    )
    last = rows.row(-1, named=True)
    x = alt.X(
        "difference:Q",
        scale=alt.Scale(domain=[0, max(last["difference"], 1e-9)], nice=False),
        axis=alt.Axis(title="difference of scores, log views", tickCount=5),
    )
    scale = alt.Scale(domain=[0.5, 1.0], nice=False)
    y = alt.Y(
        "value:Q", scale=scale, axis=alt.Axis(title="probability that the higher wins", format=".0%", tickCount=5)
    )
    base = alt.Chart(data_of(rows)).encode(x=x)
    return panel(
        base.mark_area(color=LIGHT["band"]).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_line(color=LIGHT["ours"], strokeWidth=2).encode(y=y),
        height=280,
        title="From a difference to a probability",
        subtitle=f"learned from {grouped(probability.n_pairs)} val pairs of {grouped(probability.n_channels)} channels",
        alternative="The probability that the higher score wins rises from ½ at no difference to "
        f"{share(last['value'])} [{share(last['low'])}, {share(last['high'])}] at {decimals(last['difference'], 2)}.",
    )


def order_by(pairs: pl.DataFrame, column: str, bins: Sequence[tuple[float, str]]) -> pl.DataFrame:
    """Pairwise AUC in bins of a column: `bin`, `pairs`, `auc`, `low` and `high`, a row a bin that has pairs.

    pairs: target_a, target_b, score_a, score_b and the column; equal targets make no pair, equal scores count half.
    bins: where each begins, ascending, and its name. low, high: Wilson's 95 % interval.
    """
    order = (pl.col("target_a") - pl.col("target_b")).sign()
    right = (1 + order * (pl.col("score_a") - pl.col("score_b")).sign()) / 2
    begins = np.array([start for start, _ in bins])
    decided = pairs.filter(order != 0, pl.col(column).is_not_null())
    at = np.maximum(np.searchsorted(begins, decided[column].to_numpy(), side="right") - 1, 0)
    rows = (
        decided.with_columns(at=pl.Series(at), right=right)
        .group_by("at")
        .agg(pairs=pl.len().cast(pl.Int64), auc=pl.col("right").mean())
        .sort("at")
    )
    ends = wilson(rows["auc"].to_numpy(), rows["pairs"].to_numpy())
    names = pl.Series([bins[i][1] for i in rows["at"]], dtype=pl.String)
    return rows.select(bin=names, pairs="pairs", auc="auc", low=pl.Series(ends[:, 0]), high=pl.Series(ends[:, 1]))


def order_chart(rows: pl.DataFrame, overall: float, *, title: str, what: str) -> Chart:
    """Pairwise AUC by bin with its interval and number of pairs; a dashed line at that of all pairs, one at ½.

    rows: by `order_by`. what: what the bins are of.
    """
    import altair as alt

    said = [
        f"{name}: {decimals(auc)} [{decimals(low)}, {decimals(high)}] of {grouped(n)} pairs"
        for name, n, auc, low, high in rows.select("bin", "pairs", "auc", "low", "high").rows()
    ]
    labels = [f"{name} · n {grouped(n)}" for name, n in rows.select("bin", "pairs").rows()]
    rows = rows.with_columns(
        label=pl.Series(labels, dtype=pl.String), told=pl.Series(said, dtype=pl.String), few=pl.col("pairs") < FEW
    )
    low = min(0.45, float(rows["low"].to_numpy().min()) - 0.02)
    scale = alt.Scale(domain=[low, max(0.8, float(rows["high"].to_numpy().max()) + 0.02)], nice=False)
    x = alt.X("auc:Q", scale=scale, axis=alt.Axis(title="pairwise AUC", tickCount=5, grid=False))
    y = alt.Y("label:N", sort=labels, axis=alt.Axis(title=None, ticks=False, grid=True, labelLimit=170))
    base = alt.Chart(data_of(rows)).encode(y=y)
    lines = pl.DataFrame({"auc": [0.5, overall], "is_all": [False, True]})
    rule = alt.Chart(data_of(lines))
    pale: dict[str, Any] = {"opacity": alt.condition("datum.few", alt.value(0.35), alt.value(1))}
    return panel(
        rule.transform_filter("!datum.is_all").mark_rule(color=LIGHT["ink"]).encode(x=x),
        rule.transform_filter("datum.is_all").mark_rule(strokeDash=[3, 3], color=LIGHT["baseline"]).encode(x=x),
        base.mark_rule(strokeWidth=2, color=LIGHT["ours"]).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", **pale),
        base.mark_point(filled=True, size=60, color=LIGHT["ours"], aria=True).encode(x=x, description="told:N", **pale),
        height=_ROW_HEIGHT * rows.height,
        title=title,
        subtitle=f"no gap filter, ties half; solid: chance; dashed: all, {decimals(overall)}",
        alternative=f"Pairwise AUC on test by {what}. " + "; ".join(said) + ".",
    )


def head_chart(name: str, videos: pl.DataFrame, *, measured: str) -> Chart:
    """What a head says over what was measured, a dot a test video; on the diagonal it says what was measured.

    videos: `video_id`, `y_true` (measured) and `y_pred` (what the head says), 0 to 1 each, with no null.
    measured: what was measured, in words.
    """
    import altair as alt

    high = max(0.02, *(float(videos[side].to_numpy().max()) for side in ("y_true", "y_pred")))
    low = min(float(videos[side].to_numpy().min()) for side in ("y_true", "y_pred"))
    scale = alt.Scale(domain=[max(low - 0.02, 0), min(high + 0.02, 1)], nice=False)
    ends = pl.DataFrame({"y_true": [low, high], "y_pred": [low, high]})
    x = alt.X("y_true:Q", scale=scale, axis=alt.Axis(title=measured, tickCount=5))
    y = alt.Y("y_pred:Q", scale=scale, axis=alt.Axis(title="the head says", tickCount=5))
    found = correlation(videos)
    return panel(
        alt.Chart(data_of(ends)).mark_line(color=LIGHT["line"], strokeWidth=1.5).encode(x=x, y=y),
        alt.Chart(data_of(sampled(videos).select("y_true", "y_pred")))
        .mark_circle(size=16, fillOpacity=0.4, opacity=1, color=LIGHT["ours"], strokeWidth=0)
        .encode(x=x, y=y),
        height=200,
        title=name.replace("_", " "),
        subtitle=f"correlation {decimals(found, 2)} over {grouped(videos.height)} test videos",
        alternative=f"What the head for {name} says against {measured}: correlation {decimals(found, 2)} over "
        f"{grouped(videos.height)} test videos.",
    )


def correlation(videos: pl.DataFrame) -> float:
    """Pearson's, of y_true and y_pred; NaN with fewer than three videos, or where one side is constant."""
    true, said = videos["y_true"].to_numpy(), videos["y_pred"].to_numpy()
    if videos.height < 3 or true.std() == 0 or said.std() == 0:  # noqa: PLR2004
        return float("nan")
    return float(np.corrcoef(true, said)[0, 1])
