import json

import pytest
from pydantic import ValidationError

from vidrank_assets.assets.models import SUITE
from vidrank_assets.assets.selection import SuiteConfig
from vidrank_assets.results import LEADERBOARD, SLICE_METRICS
from vidrank_assets.selection.ensemble import EnsembleParameters

CELL = "strategy=concat/horizon=7d/data.parquet"


def test_every_family_and_every_baseline_has_a_row(graph):
    table = LEADERBOARD.checked(graph.store.read_table(f"leaderboard/{CELL}"))
    assert set(table["model"]) == {*SUITE, "ensemble"}
    assert table["is_best"].to_list() == [True] + [False] * len(SUITE)
    assert table["val_rmse_log"].is_sorted()


def test_the_ui_shows_the_table_and_says_that_it_is_synthetic(graph):
    shown = graph.metadata("train_suite", "leaderboard")
    assert shown["leaderboard"][0]["model"] == shown["best"]
    assert shown["of"].startswith("7d · concat · publish · SYNTHETIC sample world · ")


def test_every_family_is_also_measured_by_slice(graph):
    slices = SLICE_METRICS.checked(graph.store.read_table(f"slice_metrics/{CELL}"))
    assert set(slices["slice"]) == {
        "text_present",
        "age_at_snapshot1",
        "channel_seen_in_train",
        "label_type",
        "channel_size",
    }
    assert set(slices["model"]) == {*SUITE, "ensemble"}


def test_what_chose_the_ensemble_is_recorded_and_can_be_set_again(graph):
    shown = graph.metadata("train_suite", "model_snapshot")
    with graph.store.open_artifact(shown["artifact"], sha256=shown["sha256"]) as folder:
        used = json.loads((folder / "config_used.json").read_text())
    assert used["ranking"]["ensemble"] == EnsembleParameters().model_dump()
    assert SuiteConfig(**used["ranking"]).model_dump() == used["ranking"]


def test_draws_that_cannot_be_made_are_refused_in_the_launchpad():
    with pytest.raises(ValidationError, match="resamples"):
        SuiteConfig(resamples=-1)
