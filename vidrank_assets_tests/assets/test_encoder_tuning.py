"""Small pictures of which the brighter one wins, on two days, tuned on through the asset."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
import torch

from vidrank_assets.assets.encoder_tuning import SETTING, said_of_tuned_encoder, tune_encoder, tuned_encoder
from vidrank_assets.assets.io_managers import Tables
from vidrank_assets.assets.partitions import by_day, by_horizon, by_strategy
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.errors import ArtifactMissing, InvalidInput
from vidrank_assets.features.encoders.clip import Clip
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.models.ranking.ranker_layers import vector_ranker
from vidrank_assets.models.ranking.ranking_regressor import share_in_order
from vidrank_assets.storage import Storage
from vidrank_assets.tables import FUSED_MANIFEST, THUMBNAILS
from vidrank_assets_tests.models.tuning.bright_pictures import BrightPictures, saved_model

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAYS = ["2026-01-05", "2026-01-06"]
BRIGHT = BrightPictures(6)
N_VIDEOS = len(BRIGHT.ids)
TEXT = np.random.default_rng(1).normal(size=(N_VIDEOS, 2)).astype(np.float32)
STORED = np.concatenate([np.random.default_rng(2).normal(size=(N_VIDEOS, 3)).astype(np.float32), TEXT], axis=1)
QUICK = {"batch_size": 16, "max_epochs": 2, "last_blocks": 1, "encoder_rate": 1e-3}


@dg.asset(io_manager_key="tables", partitions_def=by_day)
def thumbnails(context: dg.AssetExecutionContext):
    """Half of the videos on each day; the second also has another picture of the first video."""
    day = DAYS.index(context.partition_key)
    shown = list(zip(BRIGHT.ids, BRIGHT.pictures, strict=True))[day::2] + [(BRIGHT.ids[0], BRIGHT.pictures[1])] * day
    rows = [
        {"video_id": video, "image": image, "content_hash": sha256(image).hexdigest(), "source": "test"}
        | {"captured_at": START + timedelta(days=day)}
        for video, image in shown
    ]
    return pl.DataFrame(rows, schema=THUMBNAILS.schema)


@dg.asset(io_manager_key="tables", partitions_def=by_strategy)
def fused_embeddings(store: dg.ResourceParam[FolderStore]):
    key = store.open().write_shard("fused/concat", BRIGHT.ids, STORED, {"image": 3, "text": 2})
    known = {"video_id": BRIGHT.ids, "fused_key": [key] * N_VIDEOS, "shard_idx": list(range(N_VIDEOS))}
    schema = FUSED_MANIFEST.schema
    return pl.DataFrame({name: pl.Series(known.get(name, [None] * N_VIDEOS), dtype=t) for name, t in schema.items()})


@dg.asset(io_manager_key="tables", partitions_def=by_horizon)
def training_pairs():
    return BRIGHT.pairs


@dg.asset(io_manager_key="tables", partitions_def=by_horizon)
def ranking_targets():
    return BRIGHT.targets


UPSTREAM = {thumbnails: DAYS, fused_embeddings: ["concat"], training_pairs: ["7d"], ranking_targets: ["7d"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("vision"))


class Tuning:
    """An instance with the tables that a tuning reads, and the tunings that were made on it."""

    def __init__(self, folder):
        self.instance = dg.DagsterInstance.ephemeral()
        self.folder = folder
        self.root = FolderStore(root=str(folder / "store"))
        self.store = Storage(self.root.root)
        for asset, partitions in UPSTREAM.items():
            for partition in partitions:
                self._run(asset, partition)

    def tune(self, **config):
        return self._run(tuned_encoder, "7d", run_config={"ops": {"tuned_encoder": {"config": config}}})

    def _run(self, asset, partition, **options):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VIDRANK_TRAINING_FOLDER", str(self.folder / "training"))
            return dg.materialize(
                [*UPSTREAM, tuned_encoder],
                selection=[asset],
                resources={"store": self.root, "tables": Tables(store=self.root)},
                instance=self.instance,
                partition_key=partition,
                **options,
            )


@pytest.fixture(scope="module")
def tuning(tmp_path_factory):
    made = Tuning(tmp_path_factory.mktemp("tuning"))
    yield made
    made.instance.dispose()


@pytest.fixture(scope="module")
def told(tuning, model):
    """What the materialization of a tuning shows."""
    (event,) = tuning.tune(model=str(model), **QUICK).get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_the_folder_it_tells_is_an_encoder_of_another_revision_that_embeds_every_picture(told, model):
    before, after = Clip(str(model)), Clip(told[SETTING])
    assert after.revision.rpartition("-")[0] != before.revision.rpartition("-")[0]
    found = after.encode(BRIGHT.pictures)
    assert not found.unreadable and found.matrix.shape == (N_VIDEOS, 12)
    assert np.abs(found.matrix - before.encode(BRIGHT.pictures).matrix).max() > 1e-3


def test_encoder_and_heads_as_stored_rank_test_as_it_says(told, tuning):
    from safetensors.torch import load_file

    with tuning.store.open_artifact(told["artifact"]) as folder:
        blocks = json.loads((folder / "heads" / "vectors.json").read_text())
        layers = vector_ranker(blocks)
        layers.load_state_dict(load_file(folder / "heads" / "ranker.safetensors"))
    image = Clip(told[SETTING]).encode(BRIGHT.pictures).matrix
    unit = image / np.linalg.norm(image, axis=1, keepdims=True)
    rows = Vectors(tuple(BRIGHT.ids), np.concatenate([unit, TEXT], axis=1), blocks)
    with torch.no_grad():
        ranks = layers.eval().ranks(torch.from_numpy(rows.matrix)).double().numpy()
    test = Comparisons.of(BRIGHT.ids, BRIGHT.pairs.filter(split="test"), BRIGHT.targets)
    assert told["test_pairwise_auc"] == pytest.approx(share_in_order(test, ranks), abs=1e-6)


def test_it_is_judged_beside_the_untuned_encoder_and_the_vectors_of_the_store(told):
    rows = {(row.data["split"], row.data["ranked_by"]): row.data for row in told["pairwise_auc"].records}
    ranked_by = {"tuned", "untuned", "stored", "tuned_over_untuned", "tuned_over_stored"}
    assert set(rows) == {(part, who) for part in ("val", "test") for who in ranked_by}
    gain = rows["test", "tuned"]["pairwise_auc"] - rows["test", "stored"]["pairwise_auc"]
    assert rows["test", "tuned_over_stored"]["pairwise_auc"] == pytest.approx(gain, abs=1e-3)
    assert told["test_pairwise_auc"] == pytest.approx(rows["test", "tuned"]["pairwise_auc"], abs=1e-3)
    assert told["train_pairs"] == 54 and told["test_pairs"] == 18 and told["unreadable_thumbnails"] == 0


def test_the_artifact_has_the_curve_and_event_files_and_names_no_video(told, tuning):
    with tuning.store.open_artifact(told["artifact"]) as folder:
        files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
        assert {"encoder/config.json", "encoder/model.safetensors", "encoder/preprocessor_config.json"} <= set(files)
        assert any(name.startswith("tensorboard/") for name in files)
        assert [epoch["number"] for epoch in json.loads(files["curve.json"].read_text())] == [1, 2]
        used = json.loads(files["config_used.json"].read_text())
        assert used["tuning"]["last_blocks"] == 1 and set(used["data_versions"]) >= {"training_pairs"}
        assert not any(b"video-0" in file.read_bytes() for file in files.values())


def test_the_same_tuning_again_takes_the_training_that_has_ended(told, tuning, model):
    (event,) = tuning.tune(model=str(model), **QUICK).get_asset_materialization_events()
    again = {name: value.value for name, value in event.materialization.metadata.items()}
    assert told["resumed_from_epoch"] == 0 and again["resumed_from_epoch"] == 2
    assert Clip(again[SETTING]).revision == Clip(told[SETTING]).revision
    assert again["artifact"] != told["artifact"]


def test_what_the_command_prints_ends_with_the_folder_to_set(told, tuning):
    lines = said_of_tuned_encoder(tuning.instance, "7d")
    assert len(lines) == 11 and lines[-1].startswith(f"export {SETTING}=")
    assert Path(lines[-1].partition("=")[2], "model.safetensors").is_file()
    with pytest.raises(ArtifactMissing, match="30d never was"):
        said_of_tuned_encoder(tuning.instance, "30d")


def test_more_blocks_than_there_are_are_refused_before_anything_is_trained(tuning, model):
    with pytest.raises(dg.Failure, match="1 to the 2 blocks") as refused:
        tuning.tune(model=str(model), last_blocks=4)
    assert isinstance(refused.value.__cause__, InvalidInput)


def test_it_waits_for_the_gpu_and_is_in_a_job_of_its_own():
    assert tuned_encoder.op.pool == "gpu"
    assert "dagster-k8s/config" in tuned_encoder.op.tags
    assert tune_encoder.name == "tune_encoder"
