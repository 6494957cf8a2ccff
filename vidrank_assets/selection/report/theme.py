"""How every chart looks: colours by meaning, one typography, axes in views and in multiples."""

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import altair as alt

#: A chart as its specification in Vega-Lite, which SVG and PNG are both made of.
Chart = dict[str, Any]

#: Width of a panel in pixels, all of it: what a telephone shows without scrolling.
PANEL_WIDTH = 340

#: What a colour means, with its hex value on light and on dark ground. The light values are distinct, since in a drawn
#: chart they are what tells the meanings apart. Hues after Okabe & Ito 2008, Color Universal Design: told apart with
#: every kind of colour blindness.
COLOURS: Mapping[str, tuple[str, str]] = {
    "ground": ("#ffffff", "#15181c"),
    "ink": ("#1b1f24", "#e8ebee"),
    "muted": ("#59626d", "#a3adb8"),
    "line": ("#c2c8cf", "#4a535d"),
    "grid": ("#e7eaed", "#2a3037"),
    "band": ("#d9e8f5", "#1e3447"),
    "ours": ("#0b6bb5", "#62b2f2"),
    "reference": ("#00825f", "#43c79c"),
    "baseline": ("#757e88", "#97a1ac"),
    "peer": ("#8a4fbf", "#c39aeb"),
    "worse": ("#c4500a", "#ff9a5a"),
    "image": ("#0072b2", "#5fb4ee"),
    "text": ("#d98e00", "#f0b840"),
    "audio": ("#009e73", "#45cf9f"),
    "video": ("#c0649a", "#ea9dc8"),
    "observed": ("#0a6fb0", "#5db0ea"),
    "interpolated": ("#7fbfe8", "#2f6f9f"),
    "missing": ("#d3d8dd", "#3b434c"),
}

LIGHT: Mapping[str, str] = {meaning: light for meaning, (light, _) in COLOURS.items()}

#: The form of a point says it again, for whoever sees no colour.
SHAPES: Mapping[str, str] = {"ours": "circle", "reference": "diamond", "peer": "triangle-up", "baseline": "square"}

_FONT = "Helvetica Neue, Helvetica, Arial, DejaVu Sans, sans-serif"

CONFIG: Mapping[str, Any] = {
    "aria": False,  # a chart has one alternative text, not one for each of its lines
    "background": LIGHT["ground"],
    "font": _FONT,
    "padding": 4,
    "view": {"stroke": None},
    "title": {
        "anchor": "start",
        "frame": "bounds",
        "fontSize": 13,
        "fontWeight": 600,
        "color": LIGHT["ink"],
        "subtitleColor": LIGHT["muted"],
        "subtitleFontSize": 11,
        "subtitlePadding": 3,
        "offset": 10,
    },
    "axis": {
        "labelColor": LIGHT["muted"],
        "labelFontSize": 11,
        "titleColor": LIGHT["muted"],
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 6,
        "gridColor": LIGHT["grid"],
        "domainColor": LIGHT["line"],
        "tickColor": LIGHT["line"],
        "tickSize": 4,
        "domain": False,
    },
    "text": {"color": LIGHT["ink"], "fontSize": 11},
}


def data_of(frame: pl.DataFrame) -> "alt.InlineData":
    """The rows of a frame as a chart holds them; NaN is null there."""
    import altair as alt
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):  # rows of plain values need no check, which would take longer than drawing them
        return alt.InlineData(values=frame.fill_nan(None).to_dicts())


def panel(*layers: Any, height: int, title: str, alternative: str, subtitle: str | None = None) -> Chart:
    """A chart of one panel, the layers over each other.

    height: pixels of what is drawn. alternative: the same in words, for whoever does not see it.
    """
    import altair as alt

    words = {"text": _shortened(title)} | ({"subtitle": subtitle} if subtitle else {})
    drawn: Chart = alt.layer(*layers).to_dict(validate=False)  # as it was checked piece by piece
    return drawn | {
        "width": PANEL_WIDTH,
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "title": words,
        "description": alternative,
        "config": dict(CONFIG),
    }


def _shortened(title: str, longest: int = 46) -> str:
    return title if len(title) <= longest else f"{title[: longest - 1]}…"


def logarithmic_axis(title: str, low: float, high: float, *, most_labels: int = 5) -> dict[str, Any]:
    """A logarithmic axis from low to high, above zero, labelled `1k`, `10k` and so on, as `alt.X(field, **axis)`."""
    import altair as alt

    low, high = (low, high) if high >= 2 * low else (low / 2, low * 2)
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    powers = [10.0**decade for decade in decades if low <= 10.0**decade <= high]
    if len(powers) < 2:  # noqa: PLR2004
        powers = [at for decade in decades for at in (step * 10.0**decade for step in (1, 2, 5)) if low <= at <= high]
    every = -(-len(powers) // most_labels) or 1
    return {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False, clamp=True),
        "axis": alt.Axis(title=title, values=powers[::every], format="~s"),
    }


def multiples_axis(title: str, furthest: float) -> dict[str, Any]:
    """An axis of log2 of a ratio, labelled as the ratio: ÷4, ÷2, ×1, ×2, ×4.

    furthest: the greatest absolute log2 that is shown.
    """
    import altair as alt

    end = min(max(1, round(furthest + 0.5)), 8)
    step = 1 if end <= 3 else 2  # noqa: PLR2004
    label = "datum.value < 0 ? '÷' + pow(2, -datum.value) : '×' + pow(2, datum.value)"
    return {
        "scale": alt.Scale(domain=[-end, end], clamp=True, nice=False),
        "axis": alt.Axis(title=title, values=list(range(-end + end % step, end + 1, step)), labelExpr=label),
    }
