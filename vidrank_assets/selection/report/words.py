"""What to believe of a leaderboard, in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isfinite
from typing import Any, Literal

import polars as pl

from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.report.numbers import decimals, grouped, interval, share, signed

Standing = Literal["better", "unproven", "worse", "baseline", "unknown"]

_KNOWING = {
    "publish": "from what is known when it is published",
    "snapshot1": "from what is known at its first capture",
}


@dataclass(frozen=True)
class Verdict:
    """What to believe: a headline, and the sentences that bear it out.

    standing: of the family that is first on val, against the best baseline on test.
    """

    standing: Standing
    headline: str
    sentences: tuple[str, ...]


def is_synthetic(data_source: str) -> bool:
    """Whether captures of that source are of the sample world."""
    return "sample" in data_source.split(", ")


def question(row: Mapping[str, Any]) -> str:
    """What is predicted from what, in words; row: any of a leaderboard."""
    knowing = _KNOWING.get(row["information_set"], row["information_set"])
    return f"How many views a video has {row['horizon_days']} days after publication, {knowing}"


def verdict(leaderboard: pl.DataFrame) -> Verdict:
    """Whether the family that is first on val is shown to beat the best baseline on test.

    leaderboard: `results.LEADERBOARD` of one cell, best first.
    """
    best = leaderboard.row(0, named=True)
    against = standing(best)
    metric, over = best["rank_metric"], best["best_baseline"]
    score = f"{decimals(best[f'test_{metric}'])} {interval(best['test_rank_low'], best['test_rank_high'])}"
    first = (
        f"{best['model']} is first of {leaderboard.height} families by {metric} on validation "
        f"({decimals(best[f'val_{metric}'])}); on test, which chose nothing, it scores {score}{_in_views(best)}."
    )
    sentences = (first, *_against(against, best, over), *_runner_up(leaderboard))
    return Verdict(against, _headline(against, best), sentences)


def standing(best: Mapping[str, Any]) -> Standing:
    """How a row of a leaderboard compares with the best baseline on test: by its interval."""
    if best["is_baseline"]:
        return "baseline"
    low, high = best["test_improvement_low"], best["test_improvement_high"]
    if low is None or high is None or not (isfinite(low) and isfinite(high)):
        return "unknown"
    return "better" if low > 0 else "worse" if high < 0 else "unproven"


def _headline(against: Standing, best: Mapping[str, Any]) -> str:
    model, over = best["model"], best["best_baseline"]
    return {
        "better": f"{model} beats the best baseline",
        "unproven": f"{model} does not beat the baseline, as far as these data show",
        "worse": f"{model} is worse than the baseline on videos it was not chosen by",
        "baseline": f"No family beats the baseline {model}",
        "unknown": f"Whether {model} beats {over or 'a baseline'} cannot be told from these data",
    }[against]


def _against(against: Standing, best: Mapping[str, Any], over: str | None) -> tuple[str, ...]:
    low, high = best["test_improvement_low"], best["test_improvement_high"]
    gain = f"{signed(best['test_improvement'])} {interval(low, high, plus=True)}"
    if against == "baseline":
        return ("Use the baseline: it is first on validation, and costs the least to make and to explain.",)
    if over is None:
        return ("There is no baseline among the families, so nothing says whether learning was worth it.",)
    if against == "unknown":
        return (
            f"Against {over} it is {signed(best['test_improvement'])}, with no interval: "
            "the test videos are of fewer than two channels.",
        )
    ending = {
        "better": "the interval is above zero",
        "unproven": "the interval covers zero, so chance alone could explain it: it is not shown to beat the baseline",
        "worse": "the interval is below zero: use the baseline",
    }[against]
    return (f"Its improvement over {over}, the best baseline, is {gain}; {ending}.",)


def _runner_up(leaderboard: pl.DataFrame) -> tuple[str, ...]:
    """Whether the second row is told apart from the first."""
    if leaderboard.height < 2:  # noqa: PLR2004
        return ()
    best, second = leaderboard["model"][0], leaderboard.row(1, named=True)
    low, high = second["test_over_above_low"], second["test_over_above_high"]
    if low is None or high is None or not (isfinite(low) and isfinite(high)):
        return ()
    gain = f"{signed(second['test_over_above'])} {interval(low, high, plus=True)}"
    if low <= 0 <= high:
        return (f"{second['model']}, which is second, is not told apart from it on test: {gain} over {best}.",)
    which = "better than" if low > 0 else "behind"
    return (f"{second['model']}, which is second, is {which} it on test: {gain} over {best}.",)


def _in_views(best: Mapping[str, Any]) -> str:
    """An error in log views as a factor."""
    metric = best["rank_metric"]
    value = best[f"test_{metric}"]
    if metric not in ("rmse_log", "mae_log") or value is None or not isfinite(value):
        return ""
    return f", about a factor of {decimals(exp(value), 1)} in views"


def pairs_in_words(best: Mapping[str, Any]) -> tuple[str, str]:
    """The share of pairs in the right order, and of how many pairs that is."""
    n = best["n_test_pairs"]
    if not n:
        return "–", "there are no pairs of test videos"
    return share(best["test_pairwise_auc"]), f"of {grouped(n)} pairs of one channel's test videos; 50 % is chance"


def direction(metric: str) -> str:
    """Which way a metric is better, in words."""
    return "higher is better" if METRICS[metric].higher_is_better else "lower is better"
