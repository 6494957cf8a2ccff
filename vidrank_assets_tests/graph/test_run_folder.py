"""What a run leaves behind: everything that was asked for, once, checked before it is read, and nothing secret."""

import hashlib
import json
import shutil
import signal
from itertools import product
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vidrank_assets import recorded
from vidrank_assets.assets.models import SUITE
from vidrank_assets.assets.run_id import BACKFILL
from vidrank_assets.errors import AlreadyStored, ChecksumMismatch
from vidrank_assets.retraining import _task
from vidrank_assets.runs import _loaded
from vidrank_assets.selection.model_snapshot import ModelSnapshot
from vidrank_assets.selection.task import SCORED
from vidrank_assets.storage import Storage
from vidrank_assets_tests.graph.conftest import (
    CELL,
    CELL_FOLDER,
    SECRETS,
    Home,
    assert_run_folders_are_whole,
    running_in,
)

pytestmark = pytest.mark.slow

ONE = f"models/snapshots/run_id=one/{CELL_FOLDER}"
#: A file of every kind that a run stores, by where it lies in its folder.
EVERY_KIND = [
    "config_used.json",
    "leaderboard.csv",
    "models/concat_mlp/*.safetensors",
    "models/gbdt/*.skops",
    "models/lightgbm/*.txt",
    "predictions/test.parquet",
    "report.html",
]

#: Calibrated on val, or weighted there: their record of it is cross-fitted, by what the other channels of val taught.
CROSSED_ON_VAL = {"lambdarank", "pairwise_ranker", "ensemble"}

#: Trains one baseline, and is killed when the folder is written and Dagster has not heard of it.
KILLED_UNRECORDED = f"""
import os, signal
import dagster as dg
from vidrank_assets.assets import io_managers
from vidrank_assets.runs import runner
io_managers._record = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with runner(print) as runs:
    runs._run(
        "train_suite", "", partition_key={str(CELL)!r}, tags={{{BACKFILL!r}: "killed"}},
        asset_selection=[dg.AssetKey(["models", "train_mean"])],
    )
"""


def test_a_run_leaves_every_artifact_of_a_cell_and_of_each_family_with_their_checksums(trained):
    assert_run_folders_are_whole(contents(trained, "models"), "one")


def contents(home: Home, prefix: str) -> dict[str, bytes]:
    return {key: home.store.read(key) for key in home.store.keys(prefix)}


def family_again(runs, family: str, run_id: str, ops: dict) -> None:
    """Train one family as part of a run."""
    runs._run(
        "train_suite",
        "",
        partition_key=CELL,
        tags={BACKFILL: run_id},
        ops=ops,
        asset_selection=[dg.AssetKey(["models", family])],
    )


def test_a_second_write_to_the_folders_of_a_run_is_refused(trained, tmp_path):
    home = trained.copied(tmp_path / "home")
    before = contents(home, "models")
    with running_in(home) as runs, pytest.raises(AlreadyStored, match="is written once and is there already"):
        family_again(runs, "train_mean", "one", {"baselines": {"config": {"train_mean": {"seed": 1}}}})
    assert contents(home, "models") == before


def test_a_run_killed_between_its_folder_and_the_record_of_it_is_completed_by_a_retry(prepared, tmp_path):
    home, key = prepared.copied(tmp_path / "home"), dg.AssetKey(["models", "train_mean"])
    assert home.python(KILLED_UNRECORDED).returncode == -signal.SIGKILL
    written = contents(home, "models")
    folder = f"models/snapshots/run_id=killed/model=train_mean/{CELL_FOLDER}"
    assert f"{folder}/checksums.json" in written
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        assert instance.get_latest_materialization_event(key) is None
    with running_in(home) as runs:
        family_again(runs, "train_mean", "killed", {})
        recorded_as = runs.instance.get_latest_materialization_event(key).asset_materialization.metadata
    assert contents(home, "models") == written
    with home.store.open_artifact(recorded_as["artifact"].value, sha256=recorded_as["sha256"].value) as files:
        assert ModelSnapshot.load(files).trial.name == "train_mean"


@pytest.mark.parametrize("pattern", EVERY_KIND)
def test_a_changed_byte_is_found_before_anything_is_loaded(trained, tmp_path, monkeypatch, pattern):
    store = Storage(str(tmp_path))
    shutil.copytree(Path(trained.store.root, ONE), tmp_path / ONE)
    file = sorted((tmp_path / ONE).glob(pattern))[0]
    changed = bytearray(file.read_bytes())
    changed[len(changed) // 2] ^= 1
    file.write_bytes(changed)
    monkeypatch.setattr(ModelSnapshot, "load", lambda _: pytest.fail("it was loaded"))
    with pytest.raises(ChecksumMismatch, match=file.name), recorded.opened(store, ONE):
        pass


def test_a_file_that_was_changed_along_with_its_checksum_is_found_by_the_reference_in_the_log(
    trained, tmp_path, monkeypatch
):
    home = trained.copied(tmp_path / "home")
    folder = Path(home.store.root, ONE.replace("run_id=one", "run_id=two"))
    (folder / "leaderboard.csv").write_text("forged")
    sums = json.loads((folder / "checksums.json").read_text())
    sums["leaderboard.csv"] = hashlib.sha256(b"forged").hexdigest()
    (folder / "checksums.json").write_text(json.dumps(sums, indent=1))
    monkeypatch.setattr(ModelSnapshot, "load", lambda _: pytest.fail("it was loaded"))
    with running_in(home) as runs, pytest.raises(dg.Failure, match="ChecksumMismatch: .*checksums.json must hold"):
        _loaded().load_asset_value("model_snapshot", instance=runs.instance, partition_key=CELL)


def test_models_that_were_copied_elsewhere_predict_the_same_to_the_bit_when_the_run_is_gone(trained, tmp_path):
    home, elsewhere = trained.copied(tmp_path / "home"), Storage(str(tmp_path / "elsewhere"))
    shutil.copytree(Path(home.store.root, ONE), tmp_path / "elsewhere" / "copy")
    shutil.rmtree(Path(home.store.root, "models"))
    with recorded.opened(elsewhere, "copy") as snapshot:
        work = _task(home.store, snapshot.config)
        assert {each.name for each in snapshot.trials} == {*SUITE, "ensemble"}
        differing = set()
        for each, part in product(snapshot.trials, SCORED):
            stored = each.predictions.filter(split=part)
            assert stored["video_id"].to_list() == list(work.parts[part].video_ids)
            again = pl.Series("y_pred", each.model.predict(work.parts[part]))
            differing |= set() if again.equals(stored["y_pred"]) else {(each.name, part)}
    assert differing == {(name, "val") for name in CROSSED_ON_VAL}


def test_no_secret_of_the_environment_is_in_any_file_of_a_run_or_of_the_instance(trained):
    """Run `one` had them in its environment. Parquet is compressed, so its values are looked at too."""
    planted = [b"planted-in-the-variable", b"planted-in-the-url"]
    assert all(any(secret.decode() in value for value in SECRETS.values()) for secret in planted)
    files = [file for file in trained.folder.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} >= {".json", ".parquet", ".html", ".db", ".txt", ".skops", ".safetensors"}
    for file in files:
        held = file.read_bytes()
        if file.suffix == ".parquet":
            held += repr(pl.read_parquet(file).rows()).encode()
        assert not [secret for secret in planted if secret in held], file
    settings = json.loads(trained.store.read(f"{ONE}/config_used.json"))["settings"]
    assert settings["s3_endpoint"] == "http://***@127.0.0.1:1"  # it was there to be written
