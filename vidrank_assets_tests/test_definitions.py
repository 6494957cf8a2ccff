import subprocess
import sys

import dagster as dg
import pytest

from vidrank_assets.catalog import ENCODERS, FAMILIES
from vidrank_assets.definitions import definitions
from vidrank_assets.tables import TABLES

HEAVY = (
    *(
        "altair",
        "av",
        "boto3",
        "googleapiclient",
        "jinja2",
        "lightgbm",
        "pandera",
        "PIL",
        "s3fs",
        "safetensors",
        "scipy",
    ),
    *("skops", "sklearn", "torch", "transformers", "vl_convert"),
)


@pytest.fixture(scope="module")
def loaded():
    return definitions()


@pytest.fixture(scope="module")
def specs(loaded):
    return {spec.key.to_user_string(): spec for spec in loaded.resolve_all_asset_specs()}


def test_all_of_it_can_be_loaded_and_whatever_an_asset_reads_is_made_by_another(loaded):
    dg.Definitions.validate_loadable(loaded)
    graph = loaded.resolve_asset_graph()
    read = {parent for node in graph.asset_nodes for parent in node.parent_keys}
    assert len(read) > 10 and read <= graph.materializable_asset_keys
    assert graph.get_all_asset_keys() == graph.materializable_asset_keys


def test_every_encoder_and_every_family_has_an_asset(specs):
    assert {f"embeddings/{name}" for name in ENCODERS.entries} <= set(specs)
    assert {f"models/{name}" for name, entry in FAMILIES.entries.items() if entry.needs == "publish"} <= set(specs)


def test_every_asset_says_what_it_is_who_owns_it_and_where_it_belongs(specs):
    stages = {"capture", "dataset", "features", "models", "selection", "upkeep"}
    for name, spec in specs.items():
        assert spec.description, name
        assert spec.owners == ["team:vidrank"], name
        assert spec.kinds, name
        assert spec.group_name in stages, name


def test_every_table_of_the_graph_shows_its_columns(specs):
    for name, table in TABLES.items():
        if name in specs:
            columns = specs[name].metadata["dagster/column_schema"].columns
            assert [column.name for column in columns] == table.schema.names()


def test_what_runs_on_a_gpu_is_in_the_pool(loaded):
    on_gpu = {
        name for plugins in (ENCODERS, FAMILIES) for name, entry in plugins.entries.items() if entry.device == "gpu"
    }
    assert {"clip", "gated_fusion_mlp", "lightgbm"} <= on_gpu
    for assets in loaded.assets:
        name = assets.key.path[-1] if isinstance(assets, dg.AssetsDefinition) and len(assets.keys) == 1 else None
        if name in on_gpu:
            assert assets.op.pool == "gpu"
            assert "dagster-k8s/config" in assets.op.tags


def test_jobs_cover_every_asset_that_the_demo_makes(loaded):
    made = {
        key.to_user_string()
        for job in ("capture_day", "refresh_targets", "fuse", "train_suite")
        for key in loaded.resolve_job_def(job).asset_layer.selected_asset_keys
    }
    assert {
        "snapshots",
        "horizon_targets",
        "paired_features",
        "fused_embeddings",
        "models/ridge",
        "leaderboard",
    } <= made


def test_loading_warns_of_nothing_and_imports_nothing_heavy():
    script = "\n".join(
        (
            "import sys, warnings",
            "from vidrank_assets.definitions import definitions",
            "import dagster as dg",
            "loaded = definitions(); loaded.resolve_all_job_defs()",
            f"print([name for name in {HEAVY} if name in sys.modules])",
        )
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
    assert told.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_loading_it_computes_nothing_with_polars():
    """Steps are forked from a process that has loaded it, and wait for ever for threads which a fork leaves behind."""
    named = "print([Path(f'/proc/self/task/{each}/comm').read_text() for each in os.listdir('/proc/self/task')])"
    script = f"import os; from pathlib import Path; import vidrank_assets.definitions; {named}"
    threads = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "python" in threads
    assert "polars-0" not in threads
