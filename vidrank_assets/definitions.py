"""The code location: every asset, check, job, schedule and resource."""

import dagster as dg

from vidrank_assets.assets import (
    ablation,
    analytics,
    automation,
    capture,
    comparison,
    dataset,
    encoder_tuning,
    features,
    jobs,
    media,
    models,
    pair_report,
    pairs,
    ranking,
    selection,
    tabular,
    upkeep,
    versions,
)
from vidrank_assets.assets.io_managers import Artifacts, Tables
from vidrank_assets.assets.resources import store_resource
from vidrank_assets.settings import Settings


@dg.definitions
def definitions() -> dg.Definitions:
    """Everything Dagster knows of vidrank."""
    store = store_resource(Settings())
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [
                *(capture, media, versions, analytics, dataset, pairs, features, tabular, ranking, models, selection),
                *(pair_report, encoder_tuning, ablation, comparison, upkeep),
            ]
        ),
        jobs=[*jobs.JOBS, encoder_tuning.tune_encoder, upkeep.sweep_daily],
        schedules=[*automation.SCHEDULES, upkeep.daily_sweep],
        sensors=automation.SENSORS,
        resources={"store": store, "tables": Tables(store=store), "artifacts": Artifacts(store=store)},
        executor=dg.multiprocess_executor.configured(
            {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": ["vidrank_assets.definitions"]}}}
        ),
    )
