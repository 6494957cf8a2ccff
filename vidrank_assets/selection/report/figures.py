"""The charts of a run: one set, which the page and the pictures are both made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.report import charts, charts_predictions, charts_slices
from vidrank_assets.selection.report.rendering import png_of
from vidrank_assets.selection.report.theme import Chart
from vidrank_assets.selection.task import SLICES

#: The most panels that a picture shows; the page shows all.
_PANELS_OF_A_PICTURE = 9


def figures(
    trials: Sequence[Trial], leaderboard: pl.DataFrame, slices: pl.DataFrame, *, data: Mapping[str, Any]
) -> dict[str, list[Chart]]:
    """Charts by figure, each of one panel or several; what there is nothing to show of has none.

    leaderboard: `results.LEADERBOARD` of the trials, best first. slices: `results.SLICE_METRICS` of them.
    data: holds `label_counts`.
    """
    ranked = in_order_of(leaderboard, trials)
    best = ranked[0]
    top = leaderboard.row(0, named=True)
    test = best.predictions.filter(split="test")
    metric = charts_slices.slice_metric(top["rank_metric"])
    compared = top["best_baseline"] is not None and leaderboard.height > 1
    return {
        "scores": [charts.scores(leaderboard)] + ([charts.improvements(leaderboard)] if compared else []),
        "cost": [charts.cost(leaderboard)],
        "learning_curves": [charts.learning_curve(t.name, t.findings.curve) for t in ranked if t.findings.curve],
        "predicted_against_actual": [
            charts_predictions.predicted_against_actual(t.name, t.predictions.filter(split="test"), titled=t is best)
            for t in ranked
        ],
        "residuals": charts_predictions.residuals(best.name, test),
        "slices": charts_slices.slice_scores(slices, best.name, top["best_baseline"], metric=metric),
        "importances": [
            charts_slices.importances(t.name, t.findings.importances) for t in ranked if any(t.findings.importances)
        ],
        "gate_weights": [
            charts_slices.gate_weights(t.name, t.modality_weights, t.predictions.select("video_id", *SLICES))
            for t in ranked
            if has_gates(t)
        ],
        "labels": [charts_slices.label_coverage({f"{best.cell.horizon_days}d": data["label_counts"]})],
    }


def in_order_of(leaderboard: pl.DataFrame, trials: Sequence[Trial]) -> list[Trial]:
    """The trials, best first."""
    by_name = {each.name: each for each in trials}
    return [by_name[name] for name in leaderboard["model"]]


def has_gates(trial: Trial) -> bool:
    """Whether a family weighs its modalities, video by video."""
    return trial.modality_weights.width > 2 and trial.modality_weights.height > 0  # noqa: PLR2004


def charts_png(made: Mapping[str, Sequence[Chart]]) -> dict[str, bytes]:
    """Figures as PNG pictures, each below 100 kB; made: by `figures`."""
    return {
        name: png_of(panels[:_PANELS_OF_A_PICTURE], columns=2 if len(panels) <= 4 else 3)  # noqa: PLR2004
        for name, panels in made.items()
        if panels
    }
