"""The page over all strategies, horizons and runs: what is best where, and whether that is more than chance."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from vidrank_assets.errors import NoRows
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.report.charts_comparison import strategy_improvements, strategy_scores
from vidrank_assets.selection.report.charts_slices import label_coverage
from vidrank_assets.selection.report.numbers import decimals, grouped, interval, share, signed
from vidrank_assets.selection.report.page import drawn_figures, page
from vidrank_assets.selection.report.rendering import png_of
from vidrank_assets.selection.report.tables import heat_cell, label_rows
from vidrank_assets.selection.report.theme import Chart
from vidrank_assets.selection.report.words import direction, is_synthetic, standing

#: What one question is: leaderboards that agree in these are drawn and ranked together.
_QUESTION = ("data_source", "information_set", "horizon_days")
_CELL = (*_QUESTION, "fusion_strategy")

#: Runs of one cell that are listed, the newest ones.
_RUNS_SHOWN = 5


def comparison_page(leaderboards: pl.DataFrame, label_counts: Mapping[str, Mapping[str, Any]]) -> str:
    """The HTML page over all leaderboards; equal arguments make equal pages.

    leaderboards: rows of `results.LEADERBOARD`, one leaderboard after the other, older runs first: the last run of a
    cell stands for it, earlier ones are listed. Cells are compared by the rank metric of the last leaderboard; such as
    were ranked by another are left out, and counted. label_counts: of all videos, by horizon: `{"7d": {...}}`.

    Raises NoRows: there are no leaderboards.
    """
    newest, n_left_out = _newest(leaderboards)
    metric = newest["rank_metric"][0]
    winners = [_winner(rows) for rows in _questions(newest)]
    return page(
        "comparison_page.html.j2",
        title="comparison · vidrank",
        synthetic=any(is_synthetic(source) for source in newest["data_source"].unique()),
        headline=_headline(winners),
        metric=metric,
        direction=direction(metric),
        winners=winners,
        charts=drawn_figures(comparison_figures(leaderboards, label_counts)),
        grids=[
            _grid(rows, metric) for _, rows in newest.group_by("data_source", "information_set", maintain_order=True)
        ],
        earlier=_earlier(leaderboards, newest),
        n_left_out=n_left_out,
        n_runs=leaderboards["run_id"].n_unique(),
        labels={horizon: label_rows(counts) for horizon, counts in label_counts.items()},
    )


def comparison_figures(
    leaderboards: pl.DataFrame, label_counts: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Chart]]:
    """The charts of the page by figure; arguments as `comparison_page`."""
    newest, _ = _newest(leaderboards)
    questions = _questions(newest)
    return {
        "strategies": [strategy_scores(rows, title=_name(rows)) for rows in questions],
        "improvements": [
            strategy_improvements(rows, title=_name(rows)) for rows in questions if rows["best_baseline"].count()
        ],
        "labels": [label_coverage(label_counts)] if label_counts else [],
    }


def comparison_png(leaderboards: pl.DataFrame, label_counts: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    """The same charts as PNG pictures, each below 100 kB; arguments as `comparison_page`."""
    return {name: png_of(charts) for name, charts in comparison_figures(leaderboards, label_counts).items() if charts}


def _newest(leaderboards: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The rows of each cell's last run, by horizon and strategy, and how many cells have another rank metric."""
    if leaderboards.is_empty():
        raise NoRows("a comparison must be of at least one leaderboard; there are no rows. Materialize a leaderboard.")
    last = leaderboards.filter(pl.col("run_id") == pl.col("run_id").last().over(_CELL))
    kept = last.filter(pl.col("rank_metric") == leaderboards["rank_metric"][-1])
    left_out = last.select(_CELL).n_unique() - kept.select(_CELL).n_unique()
    return kept.sort(*_CELL, maintain_order=True), left_out


def _questions(newest: pl.DataFrame) -> list[pl.DataFrame]:
    return [rows for _, rows in newest.group_by(_QUESTION, maintain_order=True)]


def _name(rows: pl.DataFrame) -> str:
    return f"{rows['horizon_days'][0]}d · {rows['information_set'][0]}"


def _winner(rows: pl.DataFrame) -> dict[str, Any]:
    """The first of each strategy's best by the rank metric on val, every figure as text."""
    metric = rows["rank_metric"][0]
    best = rows.filter("is_best").sort(
        -METRICS[metric].sign * pl.col(f"val_{metric}"), "fusion_strategy", nulls_last=True
    )
    row = best.row(0, named=True)
    return {
        "name": _name(rows),
        "source": row["data_source"],
        "horizon": f"{row['horizon_days']}d",
        "strategy": row["fusion_strategy"],
        "model": row["model"],
        "baseline": row["best_baseline"] or "–",
        "val": decimals(row[f"val_{metric}"]),
        "test": decimals(row[f"test_{metric}"]),
        "test_interval": interval(row["test_rank_low"], row["test_rank_high"]),
        "gain": "" if row["is_baseline"] else signed(row["test_improvement"]),
        "gain_interval": ""
        if row["is_baseline"]
        else interval(row["test_improvement_low"], row["test_improvement_high"], plus=True),
        "standing": standing(row),
        "pairs_right": share(row["test_pairwise_auc"]) if row["n_test_pairs"] else "–",
        "n_test": grouped(row["n_test"]),
        "n_strategies": best.height,
        "same_rows": rows["scored_videos"].n_unique() == 1,
    }


def _headline(winners: list[dict[str, Any]]) -> str:
    n_better, n = sum(each["standing"] == "better" for each in winners), len(winners)
    where = f"{n} horizons" if len({each["horizon"] for each in winners}) == n else f"{n} questions"
    if n == 1:
        return "A family beats the best baseline" if n_better else "No family is shown to beat the best baseline"
    if n_better == 0:
        return f"At none of {where} is a family shown to beat the best baseline"
    return f"At {'all' if n_better == n else f'{n_better} of'} {where} a family beats the best baseline"


def _grid(rows: pl.DataFrame, metric: str) -> dict[str, Any]:
    """The test score of every family in every cell, tinted by how it compares with the cell's best baseline."""
    cells = rows.select("horizon_days", "fusion_strategy").unique(maintain_order=True).rows()
    known = rows.select("model", "horizon_days", "fusion_strategy", "best_baseline", f"test_{metric}").rows()
    scores = {(model, days, strategy): score for model, days, strategy, _, score in known}
    over = {(days, strategy): baseline for _, days, strategy, baseline, _ in known}
    places = rows.group_by("model", maintain_order=True).agg(mean=pl.col(f"test_{metric}").mean())
    models = places.sort(-METRICS[metric].sign * pl.col("mean"), "model", nulls_last=True)["model"]
    drawn = [
        [heat_cell(scores.get((model, *cell)), scores.get((over[cell], *cell)), metric) for cell in cells]
        for model in models
    ]
    return {
        "name": f"{rows['information_set'][0]} · {rows['data_source'][0]}",
        "columns": [f"{days}d {strategy}" for days, strategy in cells],
        "rows": [{"model": model, "cells": each} for model, each in zip(models, drawn, strict=True)],
    }


def _earlier(leaderboards: pl.DataFrame, newest: pl.DataFrame) -> list[dict[str, Any]]:
    """The best row of the newest runs of each cell that has several, newest first."""
    current = {_cell_of(row): (row["run_id"], row["scored_videos"]) for row in newest.iter_rows(named=True)}
    several = leaderboards.filter(pl.col("run_id").n_unique().over(_CELL) > 1, "is_best").reverse()
    several = several.sort(*_CELL, maintain_order=True).group_by(_CELL, maintain_order=True).head(_RUNS_SHOWN)
    return [_run_row(row, *current.get(_cell_of(row), ("", ""))) for row in several.iter_rows(named=True)]


def _cell_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _CELL)


def _run_row(row: Mapping[str, Any], newest_run: str, newest_rows: str) -> dict[str, Any]:
    metric = row["rank_metric"]
    same = "the same" if row["scored_videos"] == newest_rows else "others"
    return {
        "name": f"{row['horizon_days']}d · {row['fusion_strategy']} · {row['information_set']}",
        "run_id": row["run_id"],
        "model": row["model"],
        "metric": metric,
        "val": decimals(row[f"val_{metric}"]),
        "test": decimals(row[f"test_{metric}"]),
        "test_interval": interval(row["test_rank_low"], row["test_rank_high"]),
        "rows": "newest" if row["run_id"] == newest_run else same,
    }
