"""The page of a ranker: whether its probabilities of pairs hold, which pairs it tells apart, and what it looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import expm1, isfinite
from typing import Any

import numpy as np
import polars as pl

from vidrank_assets.selection.bootstrap import Interval, bootstrapped
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.occlusion import Occlusion
from vidrank_assets.selection.pair_examples import Surest
from vidrank_assets.selection.pair_probability import Calibration, PairProbability, calibration, winner_probability
from vidrank_assets.selection.report.charts_pairs import (
    DAYS,
    MARGINS,
    correlation,
    curve_chart,
    head_chart,
    order_by,
    order_chart,
    reliability_chart,
)
from vidrank_assets.selection.report.heat import heated, plain
from vidrank_assets.selection.report.numbers import decimals, grouped, multiple, share, short, shown_title
from vidrank_assets.selection.report.page import drawn_figures, page
from vidrank_assets.selection.report.tables import outline
from vidrank_assets.selection.report.theme import Chart
from vidrank_assets.selection.report.words import is_synthetic

_FEWEST_OF_A_HEAD = 3


@dataclass(frozen=True)
class SeenVideo:
    """A video of an example. picture: its thumbnail as it came; map: what of it the score hangs on."""

    title: str | None
    picture: bytes
    map: Occlusion


@dataclass(frozen=True)
class RankerFindings:
    """What is told of a ranker.

    trial: its own. probability: fitted to the pairs of val. pairs: its `pair_predictions` of test, `days_apart`
    and `judged_by`.
    heads: what its heads say of test videos: `head`, `video_id`, `y_true` (measured), `y_pred`, no nulls.
    ctr_sources: how many test videos have a measured CTR, and how many a proxy, by `ctr_source`.
    examples: the pairs that are shown. seen: their videos, by id.
    changed: the tables of which all this was read and that were others when the ranker learned from them.
    """

    trial: Trial
    probability: PairProbability
    pairs: pl.DataFrame
    heads: pl.DataFrame
    ctr_sources: Mapping[str, int]
    examples: Surest
    seen: Mapping[str, SeenVideo]
    changed: Sequence[str] = ()

    def held(self) -> Calibration:
        """How well the probabilities hold on test."""
        return calibration(self.probability, self.pairs)

    def auc(self) -> Interval:
        """Pairwise AUC on test, its interval by resamples of channels."""
        metric = METRICS["pairwise_auc"]
        decided = self.pairs.filter(pl.col("target_a") != pl.col("target_b"))
        return bootstrapped(metric, decided).interval

    def correlations(self) -> dict[str, float]:
        """Of what each head says and what was measured, by head."""
        return {name: correlation(rows) for name, rows in self._by_head()}

    def charts(self) -> dict[str, list[Chart]]:
        """By figure; what there is nothing to show of has none."""
        auc, margin = self.auc().value, 1 - (-(pl.col("target_a") - pl.col("target_b")).abs()).exp()
        pairs = self.pairs.with_columns(margin=margin)
        by_margin = order_by(pairs, "margin", MARGINS)
        by_days = order_by(pairs, "days_apart", DAYS)
        return {
            "probabilities": [
                reliability_chart(winner_probability(self.probability, self.pairs)),
                curve_chart(self.probability),
            ],
            "order": [
                order_chart(by_margin, auc, title="By how much the winner won", what="the winner's multiple in views"),
                order_chart(by_days, auc, title="By days between the two", what="days between the publications"),
            ],
            "heads": [head_chart(name, rows, measured=_measured(name)) for name, rows in self._by_head()],
        }

    def _by_head(self) -> list[tuple[str, pl.DataFrame]]:
        groups = [(rows["head"][0], rows) for _, rows in self.heads.group_by("head", maintain_order=True)]
        return [(name, rows) for name, rows in groups if rows.height >= _FEWEST_OF_A_HEAD]


def pair_page(
    findings: RankerFindings, *, charts: Mapping[str, Sequence[Chart]], config: Mapping[str, Any], run_id: str
) -> str:
    """The HTML page about a ranker; equal arguments make equal pages.

    charts: those of the findings. config: everything that the ranker was made with.
    """
    auc, held, cell = findings.auc(), findings.held(), findings.trial.cell
    decided = findings.pairs.filter(pl.col("target_a") != pl.col("target_b"))
    return page(
        "pair_page.html.j2",
        title=f"{cell.horizon_days}d · {cell.fusion_strategy} · {findings.trial.name} · vidrank",
        synthetic=is_synthetic(cell.data_source),
        cell=cell,
        family=findings.trial.name,
        run_id=run_id,
        standing="better" if auc.low > 0.5 else "worse" if auc.high < 0.5 else "unproven",  # noqa: PLR2004
        headline=_headline(auc),
        auc=share(auc.value),
        auc_interval=_percents(auc),
        n_pairs=grouped(decided.height),
        n_channels=grouped(decided["channel_id"].n_unique()),
        n_tied=grouped(findings.pairs.height - decided.height),
        n_by_ctr=grouped(decided.filter(judged_by="ctr").height) if "ctr" in decided["judged_by"] else None,
        n_val_pairs=grouped(findings.probability.n_pairs),
        held=held,
        brier=decimals(held.brier),
        error=_points(held.calibration_error),
        coin_error=_points(held.coin_calibration_error),
        ctr=decimals(findings.correlations().get("ctr"), 2),
        ctr_sources=" and ".join(f"{grouped(n)} {source}" for source, n in findings.ctr_sources.items()),
        changed=" and ".join(findings.changed),
        charts=drawn_figures(charts),
        groups=_groups(findings),
        config=outline(config),
    )


def untold_page(trial: Trial, *, missing: str, config: Mapping[str, Any], run_id: str) -> str:
    """The HTML page about a ranker of which there are too few pairs to tell anything. missing: what is not there."""
    cell = trial.cell
    return page(
        "untold_page.html.j2",
        title=f"{cell.horizon_days}d · {cell.fusion_strategy} · {trial.name} · vidrank",
        synthetic=is_synthetic(cell.data_source),
        cell=cell,
        family=trial.name,
        run_id=run_id,
        missing=missing,
        config=outline(config),
    )


def _headline(auc: Interval) -> str:
    if not isfinite(auc.low):
        return f"{share(auc.value)} of test pairs are in the right order; of one channel, that has no interval"
    if auc.low > 0.5:  # noqa: PLR2004
        return f"{share(auc.value)} of test pairs are put in the right order"
    return "The order of test pairs is not told from chance" if auc.high >= 0.5 else "Test pairs are put in wrong order"  # noqa: PLR2004


def _percents(value: Interval) -> str:
    if not isfinite(value.low):
        return "no interval"
    return f"[{share(value.low)}, {share(value.high)}]"


def _points(value: float) -> str:
    return f"{100 * value:.1f} points"


def _measured(name: str) -> str:
    return "CTR, or views, over the channel’s usual" if name == "ctr" else "measured of the picture"


def _groups(findings: RankerFindings) -> list[dict[str, Any]]:
    """The examples in two groups, every figure as text."""
    named = [("Surest and right", findings.examples.right), ("Surest and wrong", findings.examples.wrong)]
    return [
        {"name": name, "pairs": [_example(row, findings.seen) for row in rows.iter_rows(named=True)]}
        for name, rows in named
        if rows.height
    ]


def _example(row: Mapping[str, Any], seen: Mapping[str, SeenVideo]) -> dict[str, Any]:
    """A pair, its winner first."""
    sides = sorted(("a", "b"), key=lambda side: -row[f"target_{side}"])
    videos = [seen[row[f"video_id_{side}"]] for side in sides]
    furthest = float(max(np.abs(video.map.change).max() for video in videos))
    return {
        "said": share(row["of_winner"]),
        "margin": multiple(abs(row["target_a"] - row["target_b"])),
        "days": decimals(row["days_apart"], 1),
        "furthest": multiple(furthest),
        "sides": [
            {
                "title": shown_title(video.title) or "(no title)",
                "video_id": row[f"video_id_{side}"],
                "views": short(expm1(min(row[f"target_{side}"], 700))),
                "picture": plain(video.picture),
                "heat": heated(video.picture, video.map.change, furthest),
            }
            for side, video in zip(sides, videos, strict=True)
        ],
    }
