"""What a family predicted for the test videos, drawn: against the truth, and by what it misses."""

from typing import Any

import numpy as np
import polars as pl

from vidrank_assets.selection.report.numbers import grouped, multiple, share, short, shown_title
from vidrank_assets.selection.report.theme import LIGHT, Chart, data_of, logarithmic_axis, multiples_axis, panel

#: A chart shows this many videos at most, evenly by what they reached; its lines are of all of them.
POINTS_SHOWN = 400

_BINS = 8
_ROWS_OF_A_BIN = 5
_TITLE_SHOWN = 70
_TWICE = float(np.log(2))


def sampled(rows: pl.DataFrame, n: int = POINTS_SHOWN) -> pl.DataFrame:
    """At most n videos, evenly spaced in the order of y_true, the first and the last among them."""
    rows = rows.sort("y_true", "video_id")
    if rows.height <= n:
        return rows
    return rows[np.linspace(0, rows.height - 1, n).round().astype(np.int64)]


def sample_note(n_videos: int) -> str:
    """How many videos are drawn, in words."""
    if n_videos <= POINTS_SHOWN:
        return f"{grouped(n_videos)} test videos"
    return f"{POINTS_SHOWN} of {grouped(n_videos)} test videos drawn"


def predicted_against_actual(model: str, rows: pl.DataFrame, *, titled: bool) -> Chart:
    """What videos reached over what was predicted, both in views; on the diagonal a prediction is right.

    rows: the predictions of test. titled: whether a point's tooltip says which video it is.

    The prediction is on the x axis, so that a family that is right on average lies around the diagonal at every height.
    Source: Piñeiro et al. 2008, How to evaluate models: observed vs. predicted or predicted vs. observed?
    """
    import altair as alt

    rows = _in_views(rows)
    seen = np.concatenate([rows["actual"].to_numpy(), rows["predicted"].to_numpy()])
    low, high = float(seen.min()), float(seen.max())
    x, y = logarithmic_axis("predicted views", low, high), logarithmic_axis("actual views", low, high)
    at = np.geomspace(low, max(high, low * 1.01), 50)
    diagonal = alt.Chart(data_of(pl.DataFrame({"at": at, "half": at / 2, "twice": at * 2})))
    within = _share(rows["residual"].abs() <= _TWICE)
    return panel(
        diagonal.mark_area(color=LIGHT["band"], clip=True).encode(
            x=alt.X("at:Q", **x), y=alt.Y("half:Q", **y), y2="twice:Q"
        ),
        diagonal.mark_line(color=LIGHT["line"], strokeWidth=1.5, clip=True).encode(
            x=alt.X("at:Q", **x), y=alt.Y("at:Q", **y)
        ),
        _points(sampled(rows), titled).encode(x=alt.X("predicted:Q", **x), y=alt.Y("actual:Q", **y)),
        height=280,
        title=model,
        subtitle=f"{share(within)} within a factor of two (the band); {sample_note(rows.height)}",
        alternative=f"Actual against predicted views of {grouped(rows.height)} test videos by {model}, on logarithmic "
        f"scales from {short(low)} to {short(high)} views. {share(within)} are within a factor of two.",
    )


def residuals(model: str, rows: pl.DataFrame) -> list[Chart]:
    """By what factor a family misses, over predicted views, age at the first capture and subscribers.

    rows: the predictions of test. What is not known of any video makes no panel. Against actual views a residual would
    lean by itself, since what came out high is also what came out higher than could be known: the prediction stands in.
    """
    import altair as alt

    rows = _in_views(rows).with_columns(subscribers=pl.col("channel_subscribers").cast(pl.Float64).clip(1))
    made = []
    for field, title in (
        ("predicted", "predicted views"),
        ("age_hours_at_snapshot1", "age at the first capture, hours"),
        ("subscribers", "subscribers of the channel"),
    ):
        known = rows.drop_nulls(field)
        if known.is_empty():
            continue
        low, high = (float(known[field].to_numpy().min()), float(known[field].to_numpy().max()))
        hours: dict[str, Any] = {
            "scale": alt.Scale(type="sqrt", domain=[0, max(high, 1)], nice=False),
            "axis": alt.Axis(title=title, tickCount=5),
        }
        axis = hours if field == "age_hours_at_snapshot1" else logarithmic_axis(title, low, high)
        made.append(_residual_panel(model, known, field, title=title, x=axis))
    return made


def _residual_panel(model: str, rows: pl.DataFrame, field: str, *, title: str, x: dict[str, Any]) -> Chart:
    import altair as alt

    rows = rows.with_columns(pl.col("residual") / _TWICE)
    furthest = float(np.quantile(np.abs(rows["residual"].to_numpy()), 0.99))
    y = multiples_axis("actual over predicted", furthest)
    binned = _binned(rows, field)
    base = alt.Chart(data_of(binned)).encode(x=alt.X("x:Q", **x))
    middles = binned["middle"].to_list()
    lean = f" Its middle goes from {_times(middles[0])} to {_times(middles[-1])}." if middles else ""
    return panel(
        base.mark_area(color=LIGHT["band"], interpolate="monotone").encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        alt.Chart(data_of(pl.DataFrame({"y": [0.0]}))).mark_rule(color=LIGHT["ink"]).encode(y=alt.Y("y:Q", **y)),
        _points(sampled(rows), False).encode(x=alt.X(f"{field}:Q", **x), y=alt.Y("residual:Q", **y)),
        base.mark_line(color=LIGHT["worse"], strokeWidth=2.5, interpolate="monotone").encode(y=alt.Y("middle:Q", **y)),
        height=200,
        title=f"Misses by {title.split(',', maxsplit=1)[0]}",
        subtitle=f"line: median; band: 80 % of videos; {sample_note(rows.height)}",
        alternative=f"Actual over predicted views of {grouped(rows.height)} test videos by {model}, by {title}.{lean}",
    )


def _points(rows: pl.DataFrame, titled: bool) -> Any:
    """A dot a video; the page needs its place only, and its title where it is a tooltip."""
    import altair as alt

    marks: dict[str, Any] = {"size": 16, "fillOpacity": 0.4, "opacity": 1, "color": LIGHT["ours"], "strokeWidth": 0}
    placed = rows.select(
        "predicted", "actual", "residual", *(set(rows.columns) & {"age_hours_at_snapshot1", "subscribers"})
    )
    if not titled:
        return alt.Chart(data_of(placed)).mark_circle(**marks)
    said = [
        f"{shown_title(title, _TITLE_SHOWN) or video}\n"
        f"predicted {short(predicted)}, actual {short(actual)} ({multiple(residual)})"
        for title, video, predicted, actual, residual in rows.select(
            "title", "video_id", "predicted", "actual", "residual"
        ).rows()
    ]
    named = placed.with_columns(said=pl.Series(said, dtype=pl.String))
    return alt.Chart(data_of(named)).mark_circle(aria=True, **marks).encode(description="said:N")


def _in_views(rows: pl.DataFrame) -> pl.DataFrame:
    views = {
        name: pl.col(column).exp().sub(1).clip(1) for name, column in (("actual", "y_true"), ("predicted", "y_pred"))
    }
    return rows.with_columns(residual=pl.col("y_true") - pl.col("y_pred"), **views)


def _binned(rows: pl.DataFrame, field: str) -> pl.DataFrame:
    """Middle and the 10 and 90 % quantiles of the residual in bins of equally many rows; empty with too few rows."""
    n_bins = min(_BINS, rows.height // _ROWS_OF_A_BIN)
    schema = {name: pl.Float64 for name in ("x", "low", "middle", "high")}
    if n_bins < 2:  # noqa: PLR2004
        return pl.DataFrame(schema=schema)
    ranked = rows.sort(field, "video_id").with_row_index("at").with_columns(bin=pl.col("at") * n_bins // rows.height)
    residual = pl.col("residual")
    return (
        ranked.group_by("bin", maintain_order=True)
        .agg(
            x=pl.col(field).median(),
            low=residual.quantile(0.1, "linear"),
            middle=residual.median(),
            high=residual.quantile(0.9, "linear"),
        )
        .drop("bin")
    )


def _times(log2: float) -> str:
    return multiple(log2 * _TWICE)


def _share(of: pl.Series) -> float:
    return float(of.cast(pl.Float64).to_numpy().mean())
