"""Kinds of videos, drawn: where the best family is better than the baseline, what gates prefer, what columns matter."""

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.report.numbers import decimals, grouped, in_order, share, slice_name, slice_value
from vidrank_assets.selection.report.theme import LIGHT, Chart, data_of, panel

#: Where the rank metric is of pairs, slices are of this one.
SLICE_METRIC = "rmse_log"

#: Fewer videos than this say little: such a score is drawn pale.
FEW = 20

_ROW_HEIGHT = 24
_MOST_COLUMNS = 12
_LEGIBLE_SHARE = 0.14
_VECTOR = 4
_LABELS = ("observed", "interpolated", "missing")


def slice_metric(rank_metric: str) -> str:
    """The metric that slices are compared by."""
    return rank_metric if METRICS[rank_metric].of == "videos" else SLICE_METRIC


def slice_scores(slices: pl.DataFrame, model: str, baseline: str | None, *, metric: str) -> list[Chart]:
    """A panel a slice: its metric on test for each value, of one family and of a baseline, joined by a line.

    slices: `results.SLICE_METRICS`. A slice with one value tells nothing apart and makes no panel.
    """
    shown = slices.filter(pl.col("split") == "test", pl.col("model").is_in([model, baseline or model]))
    made = []
    for by in shown["slice"].unique(maintain_order=True):
        rows = shown.filter(slice=by).select("model", "value", "n", score=metric).drop_nulls("score")
        if rows["value"].n_unique() > 1:
            made.append(_slice_panel(by, rows, model, baseline, metric=metric))
    return made


def _slice_panel(by: str, rows: pl.DataFrame, model: str, baseline: str | None, *, metric: str) -> Chart:
    import altair as alt

    values = in_order(rows["value"].unique())
    names = {value: slice_value(by, value) for value in values}
    counts = dict(rows.select("value", "n").rows())
    labels = {value: f"{names[value]} · n {grouped(counts[value])}" for value in values}
    said = [f"{m}, {names[v]}: {decimals(s)} of {grouped(n)} videos" for m, v, n, s in rows.rows()]
    rows = rows.with_columns(
        label=pl.col("value").replace_strict(labels),
        few=pl.col("n") < FEW,
        of=pl.col("model") == model,
        said=pl.Series(said, dtype=pl.String),
    )
    y = alt.Y("label:N", sort=list(labels.values()), axis=alt.Axis(title=None, ticks=False, grid=True, labelLimit=150))
    scale = alt.Scale(zero=False, padding=12)
    x = alt.X("score:Q", scale=scale, axis=alt.Axis(title=metric, tickCount=4, grid=False))
    base = alt.Chart(data_of(rows)).encode(y=y)
    paint: dict[str, Any] = {
        "color": alt.condition("datum.of", alt.value(LIGHT["ours"]), alt.value(LIGHT["baseline"])),
        "fillOpacity": alt.condition("datum.few", alt.value(0.3), alt.value(1)),
    }
    spans = rows.group_by("label", maintain_order=True).agg(low=pl.min("score"), high=pl.max("score"))
    return panel(
        alt.Chart(data_of(spans))
        .mark_rule(color=LIGHT["line"], strokeWidth=2)
        .encode(y=y, x=alt.X("low:Q", scale=scale), x2="high:Q"),
        base.transform_filter("!datum.of")
        .mark_point(filled=True, size=55, shape="square", opacity=1, aria=True)
        .encode(x=x, description="said:N", **paint),
        base.transform_filter("datum.of")
        .mark_point(filled=True, size=70, opacity=1, aria=True)
        .encode(x=x, description="said:N", **paint),
        height=_ROW_HEIGHT * len(values),
        title=slice_name(by),
        subtitle=f"● {model}   ■ {baseline}" if baseline and baseline != model else f"● {model}",
        alternative=f"{metric} on test by {slice_name(by).lower()}. " + "; ".join(rows["said"]),
    )


def importances(model: str, by_column: Mapping[str, float]) -> Chart:
    """The columns that matter most to a family, as shares of all that matters to it."""
    import altair as alt

    grouped_columns = _together(by_column)
    total = sum(grouped_columns.values()) or 1.0
    ordered = sorted(grouped_columns.items(), key=lambda item: (-item[1], item[0]))[:_MOST_COLUMNS]
    rows = pl.DataFrame(
        [{"column": name, "share": value / total, "said": share(value / total)} for name, value in ordered]
    )
    covered = sum(rows["share"])
    base = alt.Chart(data_of(rows)).encode(
        y=alt.Y("column:N", sort=rows["column"].to_list(), axis=alt.Axis(title=None, ticks=False, labelLimit=170)),
        x=alt.X(
            "share:Q",
            axis=None,
            scale=alt.Scale(domain=[0, max(1.25 * ordered[0][1] / total, 1e-9)], nice=False),
        ),
    )
    return panel(
        base.mark_bar(color=LIGHT["ours"], height=11),
        base.mark_text(align="left", dx=4, color=LIGHT["muted"]).encode(text="said:N"),
        height=18 * rows.height,
        title=model,
        subtitle=f"{share(covered)} of what {len(by_column)} columns contribute",
        alternative=f"Importances of {model}: "
        + "; ".join(f"{name} {said}" for name, said in rows.select("column", "said").rows()),
    )


def gate_weights(model: str, weights: pl.DataFrame, slices: pl.DataFrame) -> Chart:
    """The mean weight of each modality, of all test videos and of each value of each slice; each bar sums to 1.

    weights: video_id, split and a column a modality. slices: video_id and a column a slice.
    """
    import altair as alt

    names = [name for name in weights.columns if name not in ("video_id", "split")]
    bars = _mean_weights(weights.filter(split="test"), slices, names)
    order: dict[str, Any] = {"sort": bars["label"].unique(maintain_order=True).to_list()}
    long = bars.unpivot(
        names,
        index="label",
        variable_name="modality",
        value_name="weight",
    )
    long = long.with_columns(
        start=pl.col("weight").cum_sum().over("label") - pl.col("weight"), end=pl.col("weight").cum_sum().over("label")
    ).with_columns(
        middle=(pl.col("start") + pl.col("end")) / 2,
        said=pl.Series([share(weight) for weight in long["weight"]], dtype=pl.String),
    )
    paints = [LIGHT.get(name, LIGHT["muted"]) for name in names]
    base = alt.Chart(data_of(long)).encode(y=alt.Y("label:N", axis=_labels(bars), **order))
    along: dict[str, Any] = {"scale": alt.Scale(domain=[0, 1]), "axis": None}
    head = alt.Chart(data_of(long.filter(label="all test videos"))).encode(y=alt.Y("label:N", **order))
    return panel(
        base.mark_bar(height=15, stroke=LIGHT["ground"]).encode(
            x=alt.X("start:Q", **along),
            x2="end:Q",
            color=alt.Color("modality:N", scale=alt.Scale(domain=names, range=paints), legend=None),
        ),
        base.transform_filter(f"datum.weight >= {_LEGIBLE_SHARE}")
        .mark_text(color=LIGHT["ground"], fontWeight=600)
        .encode(x=alt.X("middle:Q", **along), text="said:N"),
        head.mark_text(dy=-17, fontWeight=600).encode(
            x=alt.X("middle:Q", **along),
            text="modality:N",
            color=alt.Color("modality:N", scale=alt.Scale(domain=names, range=paints), legend=None),
        ),
        height=21 * bars.height,
        title=model,
        subtitle="mean gate weight on test",
        alternative=f"Mean gate weights of {model} on test. "
        + "; ".join(
            f"{row['label']}: " + ", ".join(f"{name} {share(row[name])}" for name in names)
            for row in bars.iter_rows(named=True)
        ),
    )


def _labels(bars: pl.DataFrame) -> Any:
    import altair as alt

    return alt.Axis(title=None, ticks=False, labelLimit=190, offset=2)


def _mean_weights(weights: pl.DataFrame, slices: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """A row a bar: `label` and the mean of each modality, over all videos, then by each value of each slice."""
    joined = weights.join(slices, on="video_id", how="left", maintain_order="left")
    means = [pl.col(name).mean() for name in names]
    bars = [joined.select(pl.lit("all test videos").alias("label"), *means)]
    for by in (name for name in slices.columns if name != "video_id"):
        values = joined.group_by(pl.col(by).fill_null("unknown").alias("value")).agg(*means)
        for value in in_order(values["value"]) if values.height > 1 else ():
            label = f"{slice_name(by)}: {slice_value(by, value)}"
            bars.append(values.filter(value=value).select(pl.lit(label).alias("label"), *names))
    return pl.concat(bars)


def label_coverage(counts_by_horizon: Mapping[str, Mapping[str, Any]]) -> Chart:
    """How many videos have a label, a bar a horizon: observed, interpolated, or missing.

    counts_by_horizon: by the horizon's name, {"observed": n, "interpolated": n, "missing": {reason: n}}.
    """
    import altair as alt

    frame = _label_shares(counts_by_horizon)
    base = alt.Chart(data_of(frame)).encode(
        y=alt.Y("horizon:N", sort=list(counts_by_horizon), axis=alt.Axis(title=None, ticks=False))
    )
    along: dict[str, Any] = {"scale": alt.Scale(domain=[0, 1]), "axis": None}
    legible = base.transform_filter("datum.end - datum.start >= 0.24").encode(
        x=alt.X("middle:Q", **along), text="said:N"
    )
    return panel(
        base.mark_bar(height=24, stroke=LIGHT["ground"], aria=True).encode(
            x=alt.X("start:Q", **along),
            x2="end:Q",
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=_LABELS, range=[LIGHT[kind] for kind in _LABELS]), legend=None
            ),
            description="said:N",
        ),
        legible.transform_filter("datum.kind === 'observed'").mark_text(color=LIGHT["ground"], fontWeight=600),
        legible.transform_filter("datum.kind !== 'observed'").mark_text(fontWeight=600),
        height=32 * len(counts_by_horizon),
        title="Labels of all videos",
        subtitle=" · ".join(frame["said"]) if len(counts_by_horizon) == 1 else None,
        alternative="Labels: "
        + "; ".join(
            f"{horizon}, {said}: {grouped(n)}" for horizon, said, n in frame.select("horizon", "said", "n").rows()
        ),
    )


def _label_shares(counts_by_horizon: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """A row a horizon and kind of label: n, and where its part of the bar starts, ends and has its middle."""
    rows = []
    for horizon, counts in counts_by_horizon.items():
        numbers = [counts.get("observed", 0), counts.get("interpolated", 0), sum(counts.get("missing", {}).values())]
        total, start = sum(numbers) or 1, 0.0
        for kind, n in zip(_LABELS, numbers, strict=True):
            said = f"{kind} {share(n / total)}"
            rows.append(
                {"horizon": horizon, "kind": kind, "start": start, "end": start + n / total, "n": n, "said": said}
            )
            start += n / total
    return pl.DataFrame(rows).with_columns(middle=(pl.col("start") + pl.col("end")) / 2)


def _together(by_column: Mapping[str, float]) -> dict[str, float]:
    """Columns that differ in a number only, as those of a vector do, are one bar; less than nothing is nothing."""
    numbered = {name: re.sub(r"[\W_]*\d+\W*$", "", name) or name for name in by_column}
    sizes: dict[str, int] = {}
    for stem in numbered.values():
        sizes[stem] = sizes.get(stem, 0) + 1
    summed: dict[str, float] = {}
    for name, value in by_column.items():
        stem = numbered[name]
        label = f"{stem} ({sizes[stem]} columns)" if sizes[stem] >= _VECTOR else name
        summed[label] = summed.get(label, 0.0) + max(value, 0.0)
    return summed
