"""The faults that end a run at once, each seen as a person sees it: as the failure of the step, with its sentence."""

import shutil
from dataclasses import fields

import dagster as dg
import polars as pl
import pytest

from vidrank_assets.assets.dataset import split_manifest
from vidrank_assets.assets.features import fused_embeddings
from vidrank_assets.assets.io_managers import Artifacts, Tables
from vidrank_assets.assets.models import families_asset
from vidrank_assets.assets.partitions import by_strategy_and_horizon
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.selection import ranked_families
from vidrank_assets.selection.leaderboard import leaderboard
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.selection.task import OfHorizon
from vidrank_assets.tables import FUSED_MANIFEST, METADATA_FEATURES

CELL = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})
OF_HORIZON = [each.name for each in fields(OfHorizon)]


class Given(dg.IOManager):
    """Gives an asset the tables of a test, in the place of those of the store."""

    def __init__(self, tables):
        self.tables = tables

    def load_input(self, context):
        return self.tables[context.asset_key.path[-1]]

    def handle_output(self, context, obj):
        self.tables[context.asset_key.path[-1]] = obj


@pytest.fixture
def tables(graph):
    """What the steps of the small sample world read."""
    store = graph.store
    read = {name: store.read_table(f"{name}/horizon=7d/data.parquet") for name in OF_HORIZON}
    return read | {"fused_embeddings": store.read_table("fused_embeddings/strategy=concat/data.parquet")}


def failure_of(asset, graph, tables, *, partition=CELL, config=None):
    """The sentence with which the asset's step fails."""
    store = FolderStore(root=graph.store.root.path)
    given = Given(dict(tables))
    upstream = [dg.AssetSpec(key).with_io_manager_key("given") for key in asset.keys_by_input_name.values()]
    resources = {"store": store, "given": given, "tables": given, "artifacts": given}
    with pytest.raises(dg.Failure) as failed:
        dg.materialize(
            [asset, *upstream],
            selection=list(asset.keys),
            resources=resources,
            partition_key=partition,
            run_config={"ops": {asset.node_def.name: {"config": config or {}}}},
            instance=graph.instance,
        )
    return failed.value.description


@pytest.fixture
def ridge():
    return families_asset("ridge", ["ridge"])


def test_without_a_fused_manifest_a_family_says_what_to_materialize(ridge, graph, tmp_path):
    empty = FolderStore(root=str(tmp_path))
    resources = {"store": empty, "tables": Tables(store=empty), "artifacts": Artifacts(store=empty)}
    upstream = [dg.AssetSpec(key).with_io_manager_key("tables") for key in ridge.keys_by_input_name.values()]
    with pytest.raises(dg.Failure) as failed, dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [ridge, *upstream], selection=list(ridge.keys), resources=resources, partition_key=CELL, instance=instance
        )
    assert failed.value.description.startswith(
        "ArtifactMissing: fused_embeddings must be materialized before it is read"
    )
    assert isinstance(failed.value.__cause__, FileNotFoundError)


def test_a_manifest_without_rows_of_the_strategy_ends_the_run(graph, tables, tmp_path):
    theirs = tables["fused_embeddings"].with_columns(fusion_strategy=pl.lit("max_pool"))
    theirs.write_parquet(tmp_path / "fused_manifest.parquet")
    config = {"foreign_manifest": str(tmp_path / "fused_manifest.parquet")}
    said = failure_of(fused_embeddings, graph, tables, partition="concat", config=config)
    assert said.startswith("NoRows: ") and "rows of strategy concat; it has max_pool" in said


def test_an_empty_manifest_ends_the_run(ridge, graph, tables):
    said = failure_of(ridge, graph, tables | {"fused_embeddings": FUSED_MANIFEST.empty()})
    assert said.startswith("NoRows: a fused manifest must have rows to be read; it has none.")


@pytest.fixture
def split_of(graph, tables):
    """The sentence with which the split of some of the labels fails."""

    def failing(labelled, **config):
        known = pl.col("video_id").is_in(tables["split_manifest"]["video_id"].head(labelled).implode())
        labels = tables["horizon_targets"].with_columns(
            horizon_label_type=pl.when(known).then("horizon_label_type").otherwise(pl.lit("missing")),
            **{name: pl.when(known).then(name) for name in ("target_log", "target_raw")},
        )
        captured = {
            "snapshots": pl.scan_parquet(f"{graph.store.root.path}/snapshots/*/*.parquet"),
            "channel_snapshots": pl.read_parquet(f"{graph.store.root.path}/channel_snapshots/*/*.parquet"),
        }
        given = tables | captured | {"horizon_targets": labels}
        return failure_of(split_manifest, graph, given, partition="7d", config=config)

    return failing


def test_a_horizon_without_labels_ends_the_run(split_of):
    assert split_of(0).startswith("NoRows: a horizon needs labelled videos; none of the ")


def test_a_split_of_less_than_twelve_videos_ends_the_run(split_of):
    assert split_of(11).startswith("SplitTooSmall: a split needs at least 12 videos; ")


def test_shares_that_do_not_sum_to_one_end_the_run(split_of):
    said = split_of(10_000, train_share=0.8)
    assert said.startswith("InvalidInput: ratios must be positive and sum to 1; got (0.8, 0.15, 0.15).")


def test_fused_rows_of_other_videos_than_the_metadata_end_the_run(ridge, graph, tables):
    others = tables["fused_embeddings"].with_columns(video_id=pl.format("other {}", "video_id"))
    said = failure_of(ridge, graph, tables | {"fused_embeddings": others})
    assert said.startswith("NoRows: train must have videos with a label, features and a fused vector;")


def test_a_feature_that_leaks_ends_the_run_by_its_name(ridge, graph, tables):
    leaking = tables["metadata_features"].with_columns(delta_view_count=pl.lit(1))
    assert METADATA_FEATURES.schema.names() != leaking.columns
    said = failure_of(ridge, graph, tables | {"metadata_features": leaking})
    assert said.startswith("LeakageError: ") and "delta_view_count" in said


def test_a_requested_family_without_metrics_ends_the_run(graph):
    reference = graph.metadata("train_suite", "train_mean")
    with graph.store.open_artifact(reference["artifact"], sha256=reference["sha256"]) as folder:
        made = ModelSnapshot.load(folder).trial
    with pytest.raises(ValueError, match="there are none for ridge"):
        leaderboard([made], ["train_mean", "ridge"], run_id="r")


def test_a_model_file_that_was_changed_ends_the_run_before_anything_of_it_is_loaded(graph, tmp_path):
    reference = graph.metadata("train_suite", "train_mean")["artifact"]
    folder = graph.store.root / reference / "models" / "train_mean"
    changed = next(path for path in folder.iterdir() if path.suffix == ".json")
    kept = tmp_path / "kept"
    shutil.copy(changed, kept)
    try:
        changed.write_text('{"seed": 41}')
        root = FolderStore(root=graph.store.root.path)
        resources = {"store": root, "tables": Tables(store=root), "artifacts": Artifacts(store=root)}
        upstream = [
            dg.AssetSpec(key, partitions_def=by_strategy_and_horizon).with_io_manager_key("artifacts")
            for key in ranked_families.keys_by_input_name.values()
        ]
        with pytest.raises(dg.Failure, match=r"ChecksumMismatch: .*train_mean.* must hold the bytes that were"):
            dg.materialize(
                [ranked_families, *upstream],
                selection=list(ranked_families.keys),
                resources=resources,
                partition_key=CELL,
                instance=graph.instance,
            )
    finally:
        shutil.copy(kept, changed)
