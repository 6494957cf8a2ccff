"""The tables of a run's page, as rows of text."""

from collections.abc import Mapping, Sequence
from math import expm1, isfinite, log
from typing import Any

import polars as pl

from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.report.charts_slices import FEW
from vidrank_assets.selection.report.numbers import (
    decimals,
    grouped,
    in_order,
    interval,
    multiple,
    share,
    short,
    shown_title,
    signed,
    slice_name,
    slice_value,
)

_LONGEST_TEXT = 1500
_EXTREMES = 10
_FULL_TINT = 45


def leaderboard_rows(leaderboard: pl.DataFrame) -> list[dict[str, Any]]:
    """One row a family, best first, every figure as text."""
    return [_leaderboard_row(place, row) for place, row in enumerate(leaderboard.iter_rows(named=True), 1)]


def _leaderboard_row(place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    metric = row["rank_metric"]
    gain, above = ("test_improvement", "test_over_above")
    is_over = row["best_baseline"] not in (None, row["model"])
    low, high = row[f"{gain}_low"], row[f"{gain}_high"]
    return {
        "place": place,
        "model": row["model"],
        "origin": row["origin"],
        "is_best": row["is_best"],
        "is_pareto": row["is_pareto"],
        "learns": row["learns"],
        "val": decimals(row[f"val_{metric}"]),
        "test": decimals(row[f"test_{metric}"]),
        "test_interval": interval(row["test_rank_low"], row["test_rank_high"]),
        "gain": signed(row[gain]) if is_over else "",
        "gain_interval": interval(low, high, plus=True) if is_over else "",
        "gain_standing": ("better" if (low or 0) > 0 else "worse" if (high or 0) < 0 else "") if is_over else "",
        "above": signed(row[above]) if row[above] is not None else "",
        "above_interval": interval(row[f"{above}_low"], row[f"{above}_high"], plus=True)
        if row[above] is not None
        else "",
        "spearman": decimals(row["test_spearman"], 2),
        "pairwise_auc": decimals(row["test_pairwise_auc"], 2) if row["n_test_pairs"] else "–",
        "fit_seconds": short(row["fit_seconds"]),
        "predict_ms": short(row["predict_ms_per_1k"]),
    }


def slice_rows(
    slices: pl.DataFrame, models: Sequence[str], baseline: str | None, *, metric: str
) -> list[dict[str, Any]]:
    """One row a value of a slice: its name, n, and a cell a family, tinted by how it compares with the baseline."""
    shown = slices.filter(split="test")
    scores = {(by, v, m): s for by, v, m, s in shown.select("slice", "value", "model", metric).rows()}
    counts = {(by, v): n for by, v, n in shown.select("slice", "value", "n").rows()}
    made = []
    for by in shown["slice"].unique(maintain_order=True):
        for at, value in enumerate(in_order(shown.filter(slice=by)["value"].unique())):
            over = scores.get((by, value, baseline))
            cells = [heat_cell(scores.get((by, value, model)), over, metric) for model in models]
            named = {"slice": slice_name(by), "value": slice_value(by, value), "starts": at == 0}
            made.append(named | {"n": grouped(counts[by, value]), "few": counts[by, value] < FEW, "cells": cells})
    return made


def heat_cell(score: float | None, over: float | None, metric: str) -> dict[str, Any]:
    """The score, which way it differs from the baseline's, and how strongly that is tinted: a quarter is full."""
    known = score is not None and over is not None and isfinite(score) and isfinite(over)
    gain = METRICS[metric].sign * (score - over) / (abs(over) or 1.0) if known and score is not None and over else 0.0
    tint = min(round(abs(gain) * 4 * _FULL_TINT), _FULL_TINT)
    return {"text": decimals(score), "tone": "ours" if gain > 0 else "worse", "tint": tint}


def miss_rows(trials: Sequence[Trial]) -> list[dict[str, str]]:
    """By what factors each family misses on test: half of the videos, nine of ten, and the share within two."""
    made = []
    for each in trials:
        rows = each.predictions.filter(split="test")
        missed = (rows["y_true"] - rows["y_pred"]).abs()
        half, most = (missed.quantile(part, "linear") for part in (0.5, 0.9))
        within = float((missed <= log(2)).cast(pl.Float64).to_numpy().mean())
        made.append({"model": each.name, "half": multiple(half), "most": multiple(most), "within": share(within)})
    return made


def extremes(best: Trial) -> dict[str, list[dict[str, Any]]]:
    """The test videos that the family came closest to and missed by most, ten each at most."""
    rows = best.predictions.filter(split="test").with_columns(missed=(pl.col("y_true") - pl.col("y_pred")).abs())
    closest = rows.sort("missed", "video_id")
    n = min(_EXTREMES, rows.height)
    return {
        "best": [_video(row) for row in closest.head(n).iter_rows(named=True)],
        "worst": [_video(row) for row in closest.reverse().head(n).iter_rows(named=True)],
    }


def _video(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": shown_title(row["title"]) or "(no title)",
        "video_id": row["video_id"],
        "subscribers": short(row["channel_subscribers"]),
        "predicted": grouped(max(_views(row["y_pred"]), 0)),
        "actual": grouped(_views(row["y_true"])),
        "off": multiple(row["y_true"] - row["y_pred"]),
        "share": min(1.0, row["missed"] / 3),
    }


def part_rows(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row a part of the split: its videos, and what they reached in views."""
    return [
        {"part": part, "n": grouped(n)}
        | {name: short(_views(data.get("target", {}).get(part, {}).get(name))) for name in ("min", "median", "max")}
        | {"std": multiple(data.get("target", {}).get(part, {}).get("std"))}
        for part, n in data.get("rows", {}).items()
    ]


def label_rows(counts: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row a kind of label, missing ones by reason, with its share of all videos."""
    kinds = [("observed", counts.get("observed", 0)), ("interpolated", counts.get("interpolated", 0))]
    kinds += [(f"missing: {str(reason).replace('_', ' ')}", n) for reason, n in counts.get("missing", {}).items()]
    total = sum(n for _, n in kinds) or 1
    return [{"kind": kind, "n": grouped(n), "share": share(n / total)} for kind, n in kinds]


def missing_rows(shares: Mapping[str, float]) -> list[dict[str, Any]]:
    """The features that are missing somewhere, most often missing first."""
    some = sorted(((name, part) for name, part in shares.items() if part > 0), key=lambda item: (-item[1], item[0]))
    return [{"name": name, "share": share(part), "percent": round(100 * part)} for name, part in some]


def fact_rows(trials: Sequence[Trial]) -> list[dict[str, str]]:
    """What each fit chose by itself."""
    return [
        {
            "model": each.name,
            "facts": ", ".join(f"{name} {_fact(value)}" for name, value in each.findings.facts.items()),
        }
        for each in trials
        if each.findings.facts
    ]


def outline(value: Any) -> Any:
    """A configuration as nested mappings of text; what is very long is cut, and says so."""
    if isinstance(value, Mapping):
        return {str(name): outline(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        if any(isinstance(part, Mapping) for part in value):
            return {str(at): outline(part) for at, part in enumerate(value)}
        value = ", ".join(str(part) for part in value)
    said = "–" if value is None or value == "" else str(value)
    return said if len(said) <= _LONGEST_TEXT else f"{said[:_LONGEST_TEXT]}… (cut here)"


def _fact(value: str | int | float) -> str:
    return decimals(value) if isinstance(value, float) else str(value)


def _views(log: float | None) -> float:
    return float("nan") if log is None else expm1(min(log, 700))
