"""All families of one strategy and horizon, ranked, with the baselines among them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from vidrank_assets.assets.metadata import OWNER, schema_metadata, table_metadata
from vidrank_assets.assets.models import SUITE
from vidrank_assets.assets.partitions import by_strategy_and_horizon
from vidrank_assets.results import LEADERBOARD, SLICE_METRICS
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.leaderboard import Ranking, printed, slice_metrics, titled
from vidrank_assets.selection.leaderboard import leaderboard as ranked
from vidrank_assets.settings import Settings

_TRIAL = dg.PythonObjectDagsterType(Trial)


class LeaderboardConfig(dg.Config):
    """How rows are ranked."""

    rank_metric: str = Settings().rank_metric
    resamples: int = Ranking().resamples
    seed: int = Settings().seed


@dg.multi_asset(
    outs={
        table.name: dg.AssetOut(
            io_manager_key="tables",
            group_name="selection",
            kinds={"polars", "parquet"},
            owners=[OWNER],
            metadata=schema_metadata(table),
            description=description,
        )
        for table, description in (
            (LEADERBOARD, "Every family, ranked: metrics, intervals, and the improvement over the best baseline."),
            (SLICE_METRICS, "The metrics of every family by text, age at the first capture, channel and label type."),
        )
    },
    partitions_def=by_strategy_and_horizon,
    ins={family: dg.AssetIn(key=["models", family], dagster_type=_TRIAL) for family in SUITE},
)
def ranked_families(
    context: dg.AssetExecutionContext, config: LeaderboardConfig, **trials: Any
) -> Iterator[dg.MaterializeResult[Any]]:
    """Ranks the families of one partition by their validation metric."""
    run_id = run_id_of(context.run)
    made = [trials[family] for family in SUITE]
    ranking = Ranking(config.rank_metric, resamples=config.resamples, seed=config.seed)
    table = ranked(made, SUITE, run_id=run_id, ranking=ranking)
    best = table.row(0, named=True)
    yield dg.MaterializeResult(
        asset_key=LEADERBOARD.name,
        value=table,
        metadata={
            "of": titled(table),
            "leaderboard": table_metadata(printed(table), rows=table.height),
            "best": best["model"],
            f"best_test_{config.rank_metric}": best[f"test_{config.rank_metric}"],
            "best_test_improvement": best["test_improvement"],
        },
    )
    slices = slice_metrics(made, run_id=run_id)
    yield dg.MaterializeResult(
        asset_key=SLICE_METRICS.name, value=slices, metadata={"slices": table_metadata(slices, rows=200)}
    )


def run_id_of(run: dg.DagsterRun) -> str:
    """What every run of one backfill shares, and a retry shares with its original: the run that results belong to."""
    return run.tags.get("dagster/backfill") or run.root_run_id or run.run_id
