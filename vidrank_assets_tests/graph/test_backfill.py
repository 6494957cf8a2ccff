"""The commands, as processes, on a small world: what a second capture, a backfill and a wrong word come to."""

import re
from itertools import product

import dagster as dg
import pytest

from vidrank_assets import recorded
from vidrank_assets.assets import models
from vidrank_assets.assets.models import SUITE
from vidrank_assets.catalog import FUSIONS
from vidrank_assets.selection.evaluation import trial
from vidrank_assets_tests.graph.conftest import CELL, WORLD, Home, running_in, tables

GENERIC = "video_id,captured_at,published_at,channel_id,title,view_count\n"
OLD = GENERIC + "aaaaaaaaaaa,2020-01-05T12:00:00Z,2020-01-01T00:00:00Z,channel,Title,10\n"


def sentence(done) -> str:
    """What a command that failed said: a line, and no traceback."""
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(said) == 1, said
    return said[0]


@pytest.mark.slow
def test_a_backfill_of_a_horizon_is_one_run_over_all_strategies_and_compared_and_a_second_capture_embeds_nothing(
    prepared, tmp_path
):
    home = prepared.copied(tmp_path / "home")
    home.environment |= {"VIDRANK_INCLUSION": "all", "VIDRANK_SPLIT_POLICY": "random"}
    captured = tables(home.store)
    done = home.vidrank("backfill", "--horizon", "7d")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {key.split("/horizon=")[1].split("/")[0] for key in home.store.keys("") if "/horizon=" in key} == {"7d"}
    assert_backfill_is_compared(home, done.stdout)

    shown = home.vidrank("leaderboard", "--horizon", "7d")
    assert shown.returncode == 0 and shown.stdout in done.stdout
    other = sentence(home.vidrank("leaderboard", "--horizon", "30d"))
    assert other.startswith("ArtifactMissing: a leaderboard must be made before it is shown")

    home.capture(**WORLD)
    again = {key: table for key, table in tables(home.store).items() if key in captured}
    assert [key for key in captured if not again[key].equals(captured[key])] == []
    assert latest_embedded(home) == {"thumbnail_statistics": 0, "title_ngrams": 0}


def assert_backfill_is_compared(home: Home, said: str) -> None:
    """It printed a leaderboard for each strategy and the one run id under which all of them are, side by side."""
    (run_id,) = re.findall(r"recorded as run (\w+): vidrank show", said)
    folders = recorded.cells_of(home.store, run_id)
    assert recorded.folders(home.store) == folders
    assert [folder.split("/")[3:] for folder in folders] == [
        [f"strategy={strategy}", "horizon=7d"] for strategy in ("concat", "max_pool", "sum_pool")
    ]
    for strategy in FUSIONS.entries:
        assert f"7d · {strategy} · publish · SYNTHETIC" in said
    compared = home.store.read_table(f"{recorded.SNAPSHOTS}/run_id={run_id}/comparison/comparison.parquet")
    assert set(compared["run_id"]) == {run_id}
    rows = compared.select("fusion_strategy", "model").rows()
    assert sorted(rows) == sorted(product(FUSIONS.entries, [*SUITE, "ensemble"]))
    assert compared["is_best_of_horizon"].sum() == 1


def latest_embedded(home: Home) -> dict[str, int]:
    """How many items each encoder embedded in its latest run."""
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        found = {}
        for encoder in ("thumbnail_statistics", "title_ngrams"):
            latest = instance.get_latest_materialization_event(dg.AssetKey(["embeddings", encoder]))
            found[encoder] = latest.asset_materialization.metadata["embedded"].value
        return found


def test_an_unknown_horizon_is_one_sentence_with_those_there_are(home):
    said = sentence(home.vidrank("backfill", "--horizon", "8d"))
    assert said == "InvalidInput: horizon must be one of: 7d, 14d, 21d, 30d; got '8d'."


def test_an_import_of_days_before_the_first_partition_is_one_sentence_that_names_the_setting(home, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "captures.csv").write_text(OLD)
    said = sentence(home.vidrank("import", str(tmp_path / "old"), "--mapping", "generic"))
    assert said.startswith("InvalidInput: captures must not be older than the first daily partition, 2026-01-05; ")
    assert "VIDRANK_FIRST_DAY=2020-01-05" in said


@pytest.mark.slow
def test_an_import_of_old_days_is_taken_when_the_setting_says_so(home, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "captures.csv").write_text(OLD)
    done = home.vidrank("import", str(tmp_path / "old"), "--mapping", "generic", VIDRANK_FIRST_DAY="2020-01-05")
    assert done.returncode == 0, done.stdout + done.stderr
    assert home.store.read_table("snapshots/day=2020-01-05/data.parquet")["view_count"].to_list() == [10]


@pytest.mark.slow
def test_a_horizon_that_cannot_be_learned_yet_is_one_sentence(prepared, tmp_path):
    """28 days were captured."""
    home = prepared.copied(tmp_path / "home")
    said = home.vidrank("backfill", "--horizon", "30d", "--strategy", "concat")
    assert said.returncode == 1 and "Traceback" not in said.stdout + said.stderr
    assert "a horizon needs labelled videos" in said.stdout


def test_a_step_that_fails_by_a_passing_fault_is_tried_again_and_its_run_succeeds(prepared, tmp_path, monkeypatch):
    waits, attempts = [], []

    def unsteady(*args, **kwargs):
        attempts.append(args)
        if len(attempts) == 1:
            raise ConnectionError("the network was away")
        return trial(*args, **kwargs)

    monkeypatch.setattr(models, "trial", unsteady)
    monkeypatch.setattr("time.sleep", waits.append)
    home, key = prepared.copied(tmp_path / "home"), dg.AssetKey(["models", "train_mean"])
    with running_in(home) as runs:
        runs._run("train_suite", "", partition_key=CELL, asset_selection=[key])
        (run,) = runs.instance.get_runs(dg.RunsFilter(job_name="train_suite"))
        events = [
            record.event_log_entry.dagster_event_type for record in runs.instance.get_records_for_run(run.run_id)[0]
        ]
        assert runs.instance.get_latest_materialization_event(key).run_id == run.run_id
    assert run.status == dg.DagsterRunStatus.SUCCESS and len(attempts) == 2
    assert events.count(dg.DagsterEventType.STEP_UP_FOR_RETRY) == 1
    assert sum(waits) > 1  # it gave the network time
