"""Leaderboards of many strategies, horizons and runs as one: what is best where, and how that changed."""

from typing import Literal

import polars as pl

from vidrank_assets.errors import NoRows
from vidrank_assets.results import COMPARISON, LEADERBOARD
from vidrank_assets.selection.leaderboard import Ranking

#: Rows that agree in these are ranked together: the same question, asked with the same knowledge, of the same videos.
RANKED_TOGETHER = ("horizon_days", "information_set", "scored_videos")


def comparison(leaderboards: pl.DataFrame, *, metric_name: str = "rmse_log") -> pl.DataFrame:
    """`results.COMPARISON`: all rows, ranked by one metric of val among those with equal `RANKED_TOGETHER`.

    leaderboards: rows of `results.LEADERBOARD`, one leaderboard after the other, older runs first. They may be ranked
    by other metrics; `rank_low` and `rank_high` of a row stay those of its own `rank_metric`.
    Within a horizon, groups with newer runs come first. Where the metric is equal, the older run is first.

    Raises NoRows: there are none. UnknownName: no such metric. InvalidTable: a row is there twice.
    """
    metric = Ranking(metric_name).metric
    if leaderboards.is_empty():
        raise NoRows("a comparison must be of at least one leaderboard; there are no rows. Materialize a leaderboard.")
    runs = leaderboards["run_id"].unique(maintain_order=True).to_list()
    rows = LEADERBOARD.checked(leaderboards).with_columns(
        run=pl.col("run_id").replace_strict(runs, range(1, len(runs) + 1), return_dtype=pl.Int64),
        compared_by=pl.lit(metric_name),
        n_ranked=pl.len().over(RANKED_TOGETHER).cast(pl.Int64),
    )
    ordered = rows.sort(
        "horizon_days",
        "information_set",
        -pl.col("run").max().over(RANKED_TOGETHER),
        "scored_videos",
        -metric.sign * pl.col(f"val_{metric_name}"),
        "run",
        "fusion_strategy",
        "model",
        nulls_last=True,
    ).with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(RANKED_TOGETHER))
    return COMPARISON.checked(
        ordered.with_columns(
            is_best_of_horizon=pl.col("rank") == 1,
            **{
                f"{part}_over_best": metric.sign * (pl.col(name) - pl.col(name).first().over(RANKED_TOGETHER)) + 0.0
                for part, name in ((part, f"{part}_{metric_name}") for part in ("val", "test"))
            },
        )
    )


def side_by_side(compared: pl.DataFrame, *, part: Literal["val", "test"] = "test") -> pl.DataFrame:
    """The metric by family and strategy: `RANKED_TOGETHER`, `model`, a column a strategy, and `best_on_val`.

    compared: what `comparison` gave; of a family and strategy that was trained often, the newest run counts.
    Rows are in the order of the comparison, families by their best strategy on val.
    """
    key = [*RANKED_TOGETHER, "model"]
    metric = _metric_of(compared)
    newest = compared.filter(pl.col("run") == pl.col("run").max().over(*key, "fusion_strategy"))
    cells = newest.pivot(
        "fusion_strategy",
        index=key,
        values=f"{part}_{metric}",
        on_columns=compared["fusion_strategy"].unique().sort(),
        maintain_order=True,
    )
    best = newest.group_by(key, maintain_order=True).agg(best_on_val=pl.col("fusion_strategy").first())
    return cells.join(best, on=key, how="left", maintain_order="left")


def best_by_run(compared: pl.DataFrame) -> pl.DataFrame:
    """What was best in each run, oldest first within each horizon and information set, and how that changed.

    compared: what `comparison` gave. Columns: horizon_days, information_set, run, run_id, scored_videos, model,
    fusion_strategy, val_<metric>, test_<metric>; `changed`, that the run before had another family or strategy as best,
    null for the first; and `test_over_before`, by how much the best got better on test, positive is better, null where
    the run before had other test rows. A run of which strategies have other test rows has a row for each of them.
    """
    metric = Ranking(_metric_of(compared)).metric
    within = ("horizon_days", "information_set")
    scores = [f"{part}_{metric.name}" for part in ("val", "test")]
    best = (
        compared.sort(*within, "run", "scored_videos", "rank")
        .unique([*within, "run", "scored_videos"], keep="first", maintain_order=True)
        .select(*within, "run", "run_id", "scored_videos", "model", "fusion_strategy", *scores)
    )
    before = {
        name: pl.col(name).shift().over(within) for name in ("model", "fusion_strategy", "scored_videos", scores[1])
    }
    other = (pl.col(name) != before[name] for name in ("model", "fusion_strategy"))
    gain = metric.sign * (pl.col(scores[1]) - before[scores[1]]) + 0.0
    return best.with_columns(
        changed=pl.any_horizontal(other),
        test_over_before=pl.when(pl.col("scored_videos") == before["scored_videos"]).then(gain),
    )


def printed(compared: pl.DataFrame) -> pl.DataFrame:
    """A comparison for people: few columns, rounded, in its order."""
    metric = _metric_of(compared)
    return compared.select(
        "horizon_days",
        "information_set",
        "rank",
        "fusion_strategy",
        "model",
        "origin",
        *(pl.col(f"{part}_{metric}").round(3) for part in ("val", "test")),
        pl.col("test_over_best").round(3),
        "run",
        "scored_videos",
    )


def _metric_of(compared: pl.DataFrame) -> str:
    name: str = compared["compared_by"][0]
    return name
