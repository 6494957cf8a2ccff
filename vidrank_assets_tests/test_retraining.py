import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput, UnknownName
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.retraining import retrained
from vidrank_assets.selection.ensemble import EnsembleParameters
from vidrank_assets.selection.run_record import differing_numbers
from vidrank_assets.storage import Storage
from vidrank_assets.tables import TABLES

N = 120
IDS = [f"v{i:03d}" for i in range(N)]


def table(name, **columns):
    schema = TABLES[name].schema
    nulls = [None] * len(next(iter(columns.values())))
    return pl.DataFrame({each: pl.Series(columns.get(each, nulls), dtype=t) for each, t in schema.items()})


@pytest.fixture
def store(tmp_path):
    return Storage(str(tmp_path))


@pytest.fixture
def config(store):
    """A store with the tables of one cell, and the record of two families that read them."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(N, 2)).astype(np.float32)
    target = 8 + vectors[:, 0] + rng.normal(0, 0.2, N)
    fused = load_fusion("concat")({"image": Modality(vectors, np.ones(N, bool))})
    key = store.write_shard("fused/concat", IDS, fused.matrix, fused.blocks)
    part = ["train"] * 80 + ["val"] * 20 + ["test"] * 20
    channels = [f"c{i % 6}" for i in range(N)]
    read = {
        "fused_embeddings": ("strategy=concat", "fused_manifest", {"fused_key": [key] * N, "shard_idx": range(N)}),
        "metadata_features": ("horizon=7d", "metadata_features", {"channel_target_mean": [8.0] * N}),
        "horizon_targets": ("horizon=7d", "horizon_targets", {"channel_id": channels}),
        "split_manifest": (
            "horizon=7d",
            "split_manifest",
            {"split": part, "target_log": target, "text_present": [1] * N, "target_raw": np.expm1(target)},
        ),
        "ranking_targets": ("horizon=7d", "ranking_targets", {"channel_id": channels}),
    }
    pairs = table("paired_features", video_id_a=IDS[80:-6], video_id_b=IDS[86:], channel_id=channels[80:-6])
    pairs = pairs.with_columns(video_id="video_id_b", split=pl.Series(part[80:-6]))
    versions = {}
    for name, (partition, kind, columns) in read.items():
        made = table(kind, video_id=IDS, **columns)
        versions[name] = store.write_table(f"{name}/{partition}/data.parquet", made).sha256
    for name in ("paired_features", "training_pairs"):
        held = pairs.select(TABLES[name].schema.names())
        versions[name] = store.write_table(f"{name}/horizon=7d/data.parquet", held).sha256
    families = {
        "channel_mean": {"seed": 3, "parameters": {}, "data_versions": versions},
        "ridge": {"seed": 3, "parameters": {"alphas": [2.0], "n_folds": 4}, "data_versions": versions},
    }
    ranking = {
        "rank_metric": "mae_log",
        "resamples": 20,
        "seed": 5,
        "ensemble": EnsembleParameters(n_bags=3).model_dump(),
    }
    cell = {"fusion_strategy": "concat", "horizon_days": 7, "information_set": "publish", "data_source": "sample"}
    return {"cell": cell, "families": families, "ranking": ranking}


def test_a_run_is_made_again_with_its_families_its_ensemble_and_its_ranking_and_nothing_is_stored(store, config):
    before = store.keys("")
    one, two = (retrained(store, config, run_id="r1") for _ in range(2))
    assert set(one["model"]) == {"channel_mean", "ridge", "ensemble"}
    assert set(one["rank_metric"]) == {"mae_log"} and one["val_mae_log"].is_sorted()
    assert differing_numbers(one, two).is_empty()
    assert store.keys("") == before


def test_a_run_that_read_fewer_tables_than_are_read_now_is_refused_with_what_it_lacks(store, config):
    del config["families"]["ridge"]["data_versions"]["ranking_targets"]
    with pytest.raises(InvalidInput, match="this one also reads ranking_targets"):
        retrained(store, config, run_id="r1")


def test_other_parameters_come_out_otherwise(store, config):
    one = retrained(store, config, run_id="r1")
    config["families"]["ridge"]["parameters"]["alphas"] = [2000.0]
    differing = differing_numbers(one, retrained(store, config, run_id="r1")).filter(column="test_rmse_log")
    assert "ridge" in differing["model"].to_list() and "channel_mean" not in differing["model"].to_list()


def test_tables_with_other_content_are_named(store, config):
    for name in ("metadata_features", "split_manifest"):
        key = f"{name}/horizon=7d/data.parquet"
        store.write_table(key, store.read_table(key)[::-1])
    with pytest.raises(InvalidInput, match=r"of concat × 7d, metadata_features, split_manifest were materialized with"):
        retrained(store, config, run_id="r1")


def test_what_the_code_does_not_know_any_more_is_one_sentence(store, config):
    config["families"]["ridge"]["parameters"]["colour"] = "red"
    with pytest.raises(InvalidInput, match="ridge must be given parameters that it takes"):
        retrained(store, config, run_id="r1")
    config["families"]["oracle"] = config["families"].pop("ridge")
    with pytest.raises(UnknownName, match="model family must be one of"):
        retrained(store, config, run_id="r1")


def test_a_run_whose_data_was_removed_says_so_in_one_sentence(store, config, tmp_path):
    folder = tmp_path / "record"
    folder.mkdir()
    (folder / "swept.json").write_text(
        '{"at": "2026-04-02T00:15:00+00:00", "why": "its captures expired", "files": []}'
    )
    store.write_artifact("models/snapshots/run_id=r1/strategy=concat/horizon=7d", folder)
    with pytest.raises(InvalidInput, match="that of r1 was removed on 2026-04-02, because its captures expired"):
        retrained(store, config, run_id="r1")
    assert retrained(store, config, run_id="r2").height == 3
