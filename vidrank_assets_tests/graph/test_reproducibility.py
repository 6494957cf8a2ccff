"""The same inputs and configuration give the same numbers, to the last digit, whichever process makes them."""

import json

import polars as pl
import pytest

from vidrank_assets.results import LEADERBOARD
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.run_record import differing_numbers
from vidrank_assets_tests.graph.conftest import BY_LOT, CELL_FOLDER, OTHERWISE, Home

pytestmark = pytest.mark.slow

#: The labels as they were known two days before the last capture.
OLDER_LABELS = BY_LOT | {"horizon_targets": {"config": {"as_of": "2026-01-30T18:00:00+00:00"}}}

REFRESH = """
from vidrank_assets.runs import runner
with runner(print) as runs:
    runs._run("refresh_targets", "7d", partition_key="7d", ops={ops!r})
"""


def folder(run_id: str) -> str:
    return f"models/snapshots/run_id={run_id}/{CELL_FOLDER}"


def leaderboard(home: Home, run_id: str) -> pl.DataFrame:
    return home.store.read_table(f"{folder(run_id)}/leaderboard.parquet")


def config(home: Home, run_id: str) -> dict:
    return json.loads(home.store.read(f"{folder(run_id)}/config_used.json"))


def test_two_processes_get_the_same_metrics_and_predictions_to_the_last_digit(trained):
    one, two = (leaderboard(trained, run_id) for run_id in ("one", "two"))
    assert differing_numbers(one, two).rows() == []
    for table in ("slice_metrics", "predictions/val", "predictions/test", "predictions/pairs"):
        tables = [trained.store.read_table(f"{folder(run_id)}/{table}.parquet") for run_id in ("one", "two")]
        assert tables[0].drop("run_id", strict=False).equals(tables[1].drop("run_id", strict=False)), table
    one, two = (config(trained, run_id)["families"] for run_id in ("one", "two"))
    assert list(one) == list(two)
    for family, made in one.items():
        for name in ("seed", "parameters", "data_versions"):
            assert made[name] == two[family][name]


def test_every_metric_is_among_the_numbers_that_are_compared(trained):
    """Moved in their last digits, all numbers of a leaderboard are seen to differ but what the clock says."""
    one = LEADERBOARD.checked(leaderboard(trained, "one"))
    numbers = [name for name, dtype in one.schema.items() if dtype == pl.Float64 and one[name].count()]
    moved = one.with_columns(pl.col(numbers) * (1 + 1e-15) + 1e-300)
    assert set(numbers) - set(differing_numbers(one, moved)["column"]) == {"fit_seconds", "predict_ms_per_1k"}
    assert {f"{part}_{metric}" for part in ("val", "test") for metric in METRICS} <= set(numbers)


def test_a_run_is_made_again_with_its_own_hyper_parameters_and_told_to_be_the_same(trained, tmp_path):
    """Whatever the environment says, and though its tables were materialized since: their content is what it was."""
    home = trained.copied(tmp_path / "home")
    home.succeeds(REFRESH.format(ops=BY_LOT))
    before = home.store.keys("")
    done = home.vidrank("retrain-run", "one", PYTHONHASHSEED="3", VIDRANK_INFORMATION_SET="snapshot1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every number is the same to the last digit." in done.stdout
    assert home.store.keys("") == before

    recorded = config(home, "one")
    made_with = {name: {"seed": made["seed"]} | made["parameters"] for name, made in recorded["families"].items()}
    made_with["ranked_families"] = recorded["ranking"]
    for step, chosen in OTHERWISE.items():
        assert_among(chosen["config"], made_with[step])


def assert_among(chosen: dict, recorded: dict) -> None:
    for name, value in chosen.items():
        if isinstance(value, dict):
            assert_among(value, recorded[name])
        else:
            assert recorded[name] == value, name


def test_a_run_whose_labels_were_made_otherwise_since_is_refused_with_the_tables_that_changed(trained, tmp_path):
    home = trained.copied(tmp_path / "home")
    home.succeeds(REFRESH.format(ops=OLDER_LABELS))
    before = home.store.keys("models")
    done = home.vidrank("retrain-run", "one")
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    assert "InvalidInput: a run is made again from the tables that it read; of concat × 7d, horizon_targets, " in (
        done.stdout
    )
    assert "were materialized with other content since. Restore the store of that time" in done.stdout
    assert home.store.keys("models") == before
