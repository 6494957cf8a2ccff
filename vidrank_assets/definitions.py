"""The code location: every asset, check, job, schedule and resource."""

import dagster as dg

from vidrank_assets.assets import capture, dataset, features, jobs, models, selection, tabular
from vidrank_assets.assets.io_managers import Artifacts, Tables
from vidrank_assets.assets.resources import store_resource
from vidrank_assets.settings import Settings


@dg.definitions
def definitions() -> dg.Definitions:
    """Everything Dagster knows of vidrank."""
    store = store_resource(Settings())
    return dg.Definitions(
        assets=dg.load_assets_from_modules([capture, dataset, features, tabular, models, selection]),
        jobs=jobs.JOBS,
        schedules=[jobs.daily_capture],
        sensors=[jobs.refresh_after_capture],
        resources={"store": store, "tables": Tables(store=store), "artifacts": Artifacts(store=store)},
        executor=dg.multiprocess_executor.configured(
            {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": ["vidrank_assets.definitions"]}}}
        ),
    )
