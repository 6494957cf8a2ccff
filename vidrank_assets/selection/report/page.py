"""The page of a run: one file, without script or request, that says what to believe and shows why.

Charts are drawn once, as SVG within the page, rather than by a script in the reader's browser: a page that cannot run
scripts cannot be made to run one by a video's title, prints at once, and equal results make equal bytes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.report import tables
from vidrank_assets.selection.report.charts_predictions import POINTS_SHOWN
from vidrank_assets.selection.report.charts_slices import FEW, slice_metric
from vidrank_assets.selection.report.figures import in_order_of
from vidrank_assets.selection.report.numbers import grouped
from vidrank_assets.selection.report.rendering import svg_of
from vidrank_assets.selection.report.theme import COLOURS, Chart
from vidrank_assets.selection.report.words import (
    direction,
    is_synthetic,
    pairs_in_words,
    question,
    verdict,
)


def report_page(
    trials: Sequence[Trial],
    leaderboard: pl.DataFrame,
    slices: pl.DataFrame,
    *,
    charts: Mapping[str, Sequence[Chart]],
    data: Mapping[str, Any],
    config: Mapping[str, Any],
) -> str:
    """The HTML page of one run on one cell; equal arguments make equal pages.

    leaderboard: `results.LEADERBOARD` of the trials, best first. slices: `results.SLICE_METRICS` of them.
    charts: `figures` of all that.
    data: rows by part, label_counts, missing_share by feature and target by part. config: everything it was made with.
    """
    top = leaderboard.row(0, named=True)
    best = in_order_of(leaderboard, trials)[0]
    drawn = drawn_figures(charts)
    n_test = best.predictions.filter(split="test").height
    by_family = tables.leaderboard_rows(leaderboard)
    metric = slice_metric(top["rank_metric"])
    return page(
        "page.html.j2",
        title=f"{top['horizon_days']}d · {top['fusion_strategy']} · {top['information_set']} · vidrank",
        synthetic=is_synthetic(top["data_source"]),
        top=top,
        run_id=top["run_id"],
        charts=drawn,
        sections=_sections(drawn),
        verdict=verdict(leaderboard),
        question=question(top),
        metric=top["rank_metric"],
        direction=direction(top["rank_metric"]),
        best=by_family[0],
        leaderboard=by_family,
        misses=tables.miss_rows(in_order_of(leaderboard, trials)),
        pairs=pairs_in_words(top),
        facts=tables.fact_rows(in_order_of(leaderboard, trials)),
        n_test=n_test,
        n_test_text=grouped(n_test),
        points_shown=POINTS_SHOWN,
        few=FEW,
        slice_metric=metric,
        slice_rows=tables.slice_rows(slices, leaderboard["model"].to_list(), top["best_baseline"], metric=metric),
        extremes=tables.extremes(best),
        parts=tables.part_rows(data),
        labels=tables.label_rows(data["label_counts"]),
        missing=tables.missing_rows(data.get("missing_share", {})),
        config=tables.outline(config),
    )


def drawn_figures(charts: Mapping[str, Sequence[Chart]]) -> dict[str, list[Any]]:
    """Every chart as an SVG element that a template inserts as it is."""
    from markupsafe import Markup

    return {
        name: [Markup(svg_of(chart, f"{name}-{at}")) for at, chart in enumerate(panels)]  # noqa: S704 the renderer escapes
        for name, panels in charts.items()
    }


def page(template: str, **values: Any) -> str:
    """A template of this folder with these values; every text among them is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(colours=COLOURS, **values)


def _sections(drawn: Mapping[str, Sequence[Any]]) -> list[tuple[str, str]]:
    """What the page holds, as it is linked at its top."""
    named = [
        ("leaderboard", "Leaderboard"),
        ("cost", "Cost"),
        ("learning", "Learning curves"),
        ("predictions", "Predicted against actual"),
        ("residuals", "Residuals"),
        ("slices", "Slices"),
        ("importances", "Importances") if drawn["importances"] else None,
        ("gates", "Gates") if drawn["gate_weights"] else None,
        ("videos", "Best and worst"),
        ("data", "Data"),
        ("configuration", "Configuration"),
    ]
    return [each for each in named if each]
