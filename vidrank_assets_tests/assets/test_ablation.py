import dagster as dg
import pytest

from vidrank_assets.assets.ablation import modality_ablation
from vidrank_assets.assets.io_managers import Artifacts, Tables
from vidrank_assets.assets.models import BASELINES, SUITE
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.definitions import definitions
from vidrank_assets.results import MODALITY_ABLATION


def test_it_is_made_only_when_it_is_asked_for():
    jobs = definitions().get_repository_def().get_all_jobs()
    making = [job.name for job in jobs if modality_ablation.key in job.asset_layer.selected_asset_keys]
    assert "ablate" in making and "train_suite" not in making


@pytest.mark.slow
def test_every_family_is_fitted_again_without_each_modality(graph):
    root = FolderStore(root=graph.store.root.path)
    resources = {"store": root, "tables": Tables(store=root), "artifacts": Artifacts(store=root)}
    cell = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})
    definitions().resolve_job_def("ablate").execute_in_process(
        instance=graph.instance, resources=resources, partition_key=cell
    )
    table = MODALITY_ABLATION.checked(
        graph.store.read_table("modality_ablation/strategy=concat/horizon=7d/data.parquet")
    )
    families = set(SUITE) - set(BASELINES)
    assert {(row["model"], row["without"]) for row in table.to_dicts()} == {
        (family, modality) for family in families for modality in ("image", "text")
    }
    image = table.filter(model="ridge", without="image")
    assert image["test_gain"][0] > 0
