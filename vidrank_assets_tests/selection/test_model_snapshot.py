import ast
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import vidrank_assets
from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.ensemble import ensemble_trial
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import leaderboard, slice_metrics
from vidrank_assets.selection.model_snapshot import SWEPT, ModelSnapshot, is_of_videos
from vidrank_assets.selection.run_record import config_used, merged_config
from vidrank_assets.selection.task import SLICES

FAMILIES = ("channel_mean", "ridge", "gated_fusion_mlp")


@pytest.fixture(scope="module")
def snapshot(small_task, tables):
    trials = [trial(small_task, family, seed=3) for family in FAMILIES]
    trials.append(ensemble_trial(trials))
    configs = [config_used(small_task, [each], data_versions={"split_manifest": "abc"}) for each in trials[:-1]]
    return ModelSnapshot(
        trials=trials,
        leaderboard=leaderboard(trials, [each.name for each in trials], run_id="r1"),
        slice_metrics=slice_metrics(trials, run_id="r1"),
        split_manifest=tables["split_manifest"],
        config=merged_config(configs, ranking={"rank_metric": "rmse_log"}),
        data={"rows": {"train": 80}},
        made_at=datetime(2026, 3, 1, tzinfo=UTC),
        report="<p>all of it</p>",
    )


@pytest.fixture
def folder(snapshot, tmp_path):
    written = tmp_path / "written"
    written.mkdir()
    snapshot.save(written)
    return written


def test_every_artifact_that_a_run_must_leave_is_there(folder):
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files >= {
        "config_used.json",
        "data_summary.json",
        "metrics_summary.json",
        "split_manifest.parquet",
        "leaderboard.csv",
        "report.html",
        "predictions/val.parquet",
        "predictions/test.parquet",
        *(f"slice_metrics_{by}.json" for by in SLICES),
        *(f"curves/{family}.json" for family in (*FAMILIES, "ensemble")),
    }


def test_no_file_of_a_run_has_to_be_unpickled(folder):
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {".json", ".parquet", ".csv", ".html", ".arrow", ".npz", ".skops", ".txt", ".safetensors"}


def test_predictions_are_named_by_video_and_model(folder):
    rows = pl.read_parquet(folder / "predictions" / "test.parquet")
    assert set(rows.columns) >= {"video_id", "model", "y_true", "y_pred"}
    assert rows.group_by("model").len()["len"].to_list() == [20] * 4


def test_a_snapshot_comes_back_whole_after_the_original_is_gone(snapshot, folder, small_task, tmp_path):
    shutil.copytree(folder, tmp_path / "copied")
    shutil.rmtree(folder)
    loaded = ModelSnapshot.load(tmp_path / "copied")
    assert loaded.leaderboard.equals(snapshot.leaderboard) and loaded.slice_metrics.equals(snapshot.slice_metrics)
    assert loaded.split_manifest.equals(snapshot.split_manifest)
    assert (loaded.config, loaded.data, loaded.made_at, loaded.report) == (
        json.loads(json.dumps(snapshot.config)),
        snapshot.data,
        snapshot.made_at,
        snapshot.report,
    )
    for before, after in zip(snapshot.trials, loaded.trials, strict=True):
        assert (after.name, after.cell, after.n_train, after.fit_seconds) == (
            before.name,
            before.cell,
            before.n_train,
            before.fit_seconds,
        )
        assert after.predictions.equals(before.predictions)
        assert after.pair_predictions.equals(before.pair_predictions)
        assert after.modality_weights.equals(before.modality_weights)
        assert after.findings.curve == list(before.findings.curve)
        assert after.findings.importances == before.findings.importances
        part = small_task.parts["test"]
        np.testing.assert_array_equal(after.model.predict(part), before.model.predict(part))


def test_gate_weights_are_kept_of_the_family_that_has_gates_and_of_no_other(folder):
    by_name = {each.name: each for each in ModelSnapshot.load(folder).trials}
    assert by_name["gated_fusion_mlp"].modality_weights.columns == ["video_id", "split", "image"]
    assert by_name["ridge"].modality_weights.columns == ["video_id", "split"]


def test_the_summary_says_what_is_best_and_when_it_was_made(folder, snapshot):
    summary = json.loads((folder / "metrics_summary.json").read_text())
    assert summary["best"] == snapshot.leaderboard["model"][0]
    assert summary["made_at"] == "2026-03-01T00:00:00+00:00"
    assert set(summary["models"]) == {*FAMILIES, "ensemble"}


def test_a_snapshot_of_several_families_has_no_single_trial(snapshot):
    with pytest.raises(InvalidInput, match="must hold one trial; this holds 4"):
        _ = snapshot.trial


def test_nothing_in_the_package_unpickles():
    """Whatever loads code from a file is neither imported nor called anywhere."""
    forbidden = {"pickle", "cloudpickle", "joblib", "dill", "marshal", "shelve"}
    for path in Path(vidrank_assets.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {name.name.split(".")[0] for name in node.names} & forbidden, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in forbidden, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("pd.read_pickle", "pandas.read_pickle"), path
                said = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert said.get("allow_pickle", "False") == "False", path
                assert called != "torch.load" or said.get("weights_only") == "True", path


def test_a_snapshot_opens_without_what_was_removed_from_it(snapshot, folder):
    for path in (folder / "split_manifest.parquet", folder / "report.html", *(folder / "predictions").iterdir()):
        assert is_of_videos(str(path.relative_to(folder)))
        path.unlink()
    shutil.rmtree(folder / "models" / "ridge")
    why = {"at": "2026-04-02T00:15:00+00:00", "why": "it expired", "files": ["report.html"]}
    (folder / SWEPT).write_text(json.dumps(why))
    loaded = ModelSnapshot.load(folder)
    assert loaded.leaderboard.equals(snapshot.leaderboard) and loaded.config["cell"] == snapshot.config["cell"]
    assert [each.name for each in loaded.trials] == ["channel_mean", "gated_fusion_mlp", "ensemble"]
    assert (loaded.report, loaded.swept, loaded.split_manifest.height) == (None, why, 0)
    with pytest.raises(InvalidInput, match="removed on 2026-04-02, because it expired. Materialize the family again"):
        _ = loaded.trial


def test_what_is_of_single_videos_is_what_names_them(folder):
    """Every file with a column of videos or with titles, and no other."""
    tables = {path for path in folder.rglob("*.parquet") if "video_id" in str(pl.read_parquet_schema(path))}
    named = {str(path.relative_to(folder)) for path in (*tables, folder / "report.html")}
    assert {name for name in _files(folder) if is_of_videos(name)} == named


def _files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
