"""All families of one strategy and horizon: the ensemble of them, the ranking, and the record of the run."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.family_config import parameters_config
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, picture_metadata, schema_metadata, table_metadata
from vidrank_assets.assets.models import MODEL_SNAPSHOT, SUITE
from vidrank_assets.assets.partitions import by_strategy_and_horizon
from vidrank_assets.assets.run_id import run_id_of
from vidrank_assets.results import LEADERBOARD, SLICE_METRICS
from vidrank_assets.schema import Table
from vidrank_assets.selection.ensemble import EnsembleParameters, ensemble_trial
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.leaderboard import Ranking, printed, slice_metrics, titled
from vidrank_assets.selection.leaderboard import leaderboard as ranked
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.selection.report.figures import charts_png, figures
from vidrank_assets.selection.report.page import report_page
from vidrank_assets.selection.report.theme import Chart
from vidrank_assets.selection.run_record import merged_config
from vidrank_assets.settings import RankMetric, Settings

#: The charts that draw every video as a dot.
_OF_SINGLE_VIDEOS = ("predicted_against_actual", "residuals")
_MODELS = {family: dg.AssetKey(["models", family]) for family in SUITE}


class LeaderboardConfig(dg.Config):
    """How rows are ranked."""

    rank_metric: RankMetric = Field(Settings().rank_metric, description="the metric of val by which rows are sorted")
    resamples: int = Field(Ranking().resamples, ge=0, description="draws of channels behind each interval")
    seed: int = Field(Settings().seed, description="seed of everything random")


_Ensemble = parameters_config("ensemble", EnsembleParameters)


class SuiteConfig(LeaderboardConfig):
    """How the ensemble is chosen, and how rows are ranked."""

    ensemble: _Ensemble = _Ensemble()  # type: ignore[valid-type]


def _table_out(table: Table, description: str) -> dg.AssetOut:
    return dg.AssetOut(
        io_manager_key="tables",
        group_name="selection",
        kinds={"polars", "parquet"},
        owners=[OWNER],
        metadata=schema_metadata(table),
        description=description,
    )


@dg.multi_asset(
    outs={
        LEADERBOARD.name: _table_out(
            LEADERBOARD, "Every family, ranked: metrics, intervals, and the improvement over the best baseline."
        ),
        SLICE_METRICS.name: _table_out(
            SLICE_METRICS, "The metrics of every family by kind of video: text, age, channel, label type, size."
        ),
        "model_snapshot": dg.AssetOut(
            io_manager_key="artifacts",
            group_name="selection",
            kinds={"html", "json"},
            owners=[OWNER],
            dagster_type=MODEL_SNAPSHOT,
            description="The immutable folder of the run: configuration, models, predictions, metrics and the report.",
        ),
    },
    partitions_def=by_strategy_and_horizon,
    ins={family: dg.AssetIn(key=key, dagster_type=MODEL_SNAPSHOT) for family, key in _MODELS.items()},
    retry_policy=RETRIES,
)
@faults_are_final
def ranked_families(
    context: dg.AssetExecutionContext, config: SuiteConfig, **snapshots: Any
) -> Iterator[dg.MaterializeResult[Any]]:
    """Adds the ensemble to the families of one partition, ranks them, and keeps the record."""
    run_id = run_id_of(context.run)
    families: Sequence[ModelSnapshot] = [snapshots[family] for family in SUITE]
    trials = [each.trial for each in families]
    settings = config.model_dump()
    trials.append(ensemble_trial(trials, seed=config.seed, parameters=EnsembleParameters(**settings["ensemble"])))
    ranking = Ranking(config.rank_metric, resamples=config.resamples, seed=config.seed)
    table = ranked(trials, [each.name for each in trials], run_id=run_id, ranking=ranking)
    slices = slice_metrics(trials, run_id=run_id)
    charts = figures(trials, table, slices, data=families[0].data)
    snapshot = _snapshot(families, trials, table, slices, charts=charts, config=settings)
    drawn = charts_png(charts)
    of_api = snapshot.data.get("oldest_api_capture_at") is not None
    pictures = {
        name: picture_metadata(picture)
        for name, picture in drawn.items()
        if not (of_api and name in _OF_SINGLE_VIDEOS)  # the event log can't be swept; the report can
    }
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
            "chart": pictures["scores"],
        },
    )
    yield dg.MaterializeResult(
        asset_key=SLICE_METRICS.name, value=slices, metadata={"slices": table_metadata(slices, rows=50)}
    )
    yield dg.MaterializeResult(asset_key="model_snapshot", value=snapshot, metadata={"run_id": run_id, **pictures})


def _snapshot(
    families: Sequence[ModelSnapshot],
    trials: Sequence[Trial],
    table: pl.DataFrame,
    slices: pl.DataFrame,
    *,
    charts: Mapping[str, Sequence[Chart]],
    config: Mapping[str, Any],
) -> ModelSnapshot:
    """The record of the run, with its report."""
    used, data = merged_config([each.config for each in families], ranking=config), families[0].data
    return ModelSnapshot(
        trials=trials,
        leaderboard=table,
        slice_metrics=slices,
        split_manifest=families[0].split_manifest,
        config=used,
        data=data,
        made_at=datetime.now(UTC),
        report=report_page(trials, table, slices, charts=charts, data=data, config=used),
    )
