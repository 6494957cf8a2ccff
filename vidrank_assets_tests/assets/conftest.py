"""A small sample world, taken through every job once, for the tests of the assets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from vidrank_assets.assets.io_managers import Artifacts, Tables
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets.definitions import definitions
from vidrank_assets.storage import Storage

WORLD = {"n_channels": "24", "n_days": "70"}
CELL = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})


@dataclass(frozen=True)
class Graph:
    """An instance, and the store that its jobs wrote."""

    instance: dg.DagsterInstance
    store: Storage
    results: Mapping[str, dg.ExecuteInProcessResult]

    def metadata(self, job: str, asset: str) -> dict[str, Any]:
        """What the last materialization of an asset in a job showed."""
        events = [event for event in self.results[job].get_asset_materialization_events() if event.asset_key]
        shown = [event for event in events if event.asset_key.path[-1] == asset][-1]
        return {name: _seen(each) for name, each in shown.materialization.metadata.items()}


def _seen(value: dg.MetadataValue[Any]) -> Any:
    return [record.data for record in value.records] if isinstance(value, dg.TableMetadataValue) else value.value


@pytest.fixture(scope="session")
def graph(tmp_path_factory):
    """Captured, labelled at 7d, fused by concat and trained."""
    root = FolderStore(root=str(tmp_path_factory.mktemp("graph")))
    resources = {"store": root, "tables": Tables(store=root), "artifacts": Artifacts(store=root)}
    loaded, days, results = definitions(), SampleWorld(**WORLD).days(), {}
    capture = {"config": {"source": "sample", "options": WORLD}}
    runs = {
        "capture_day": {
            "run_config": {"ops": dict.fromkeys(("captured_videos", "channel_snapshots", "thumbnails"), capture)},
            "tags": {
                "dagster/asset_partition_range_start": days[0].isoformat(),
                "dagster/asset_partition_range_end": days[-1].isoformat(),
            },
        },
        "refresh_targets": {"partition_key": "7d"},
        "fuse": {"partition_key": "concat"},
        "train_suite": {"partition_key": CELL},
        "compare": {},
    }
    with dg.DagsterInstance.ephemeral() as instance:
        for job, options in runs.items():
            config = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}} | options.pop("run_config", {})
            results[job] = loaded.resolve_job_def(job).execute_in_process(
                instance=instance, resources=resources, run_config=config, **options
            )
        yield Graph(instance, root.open(), results)
