import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vidrank_assets.errors import InvalidInput, UnknownName
from vidrank_assets.selection.ensemble import (
    Ensemble,
    EnsembleParameters,
    chosen_weights,
    ensemble_trial,
    load_model,
)
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import leaderboard
from vidrank_assets.selection.metrics import rmse_log

ONCE = EnsembleParameters(n_bags=0, min_weight=0)


def alike(n_families=8):
    """Errors of families that differ by little: which of them is best on val is luck."""
    rng = np.random.default_rng(1)
    return {f"f{i}": each for i, each in enumerate(rng.normal(0, 1, 60) + 0.3 * rng.normal(0, 1, (n_families, 60)))}


def val_of(errors, n_channels=6):
    """Predictions with those errors, by family, for videos of several channels."""
    n_videos = len(next(iter(errors.values())))
    target = np.linspace(5, 12, n_videos)
    return {
        name: pl.DataFrame(
            {"channel_id": [f"c{i % n_channels}" for i in range(n_videos)], "y_true": target, "y_pred": target + error}
        )
        for name, error in errors.items()
    }


def chosen(errors, parameters=ONCE, seed=0):
    return chosen_weights(
        val_of({k: np.asarray(v, float) for k, v in errors.items()}), seed=seed, parameters=parameters
    )


@pytest.fixture(scope="module")
def noisy_task(task_of, fused):
    """The fused vector says nothing, so ridge is no better than what it starts from."""
    noise = np.random.default_rng(5).normal(size=fused.matrix.shape).astype(np.float32)
    return task_of(fused=replace(fused, matrix=noise))


@pytest.fixture(scope="module")
def trials(noisy_task):
    return [trial(noisy_task, family) for family in ("train_mean", "ridge", "channel_mean", "channel_median")]


@pytest.fixture(scope="module")
def made(trials):
    return ensemble_trial(trials, seed=3)


def test_two_families_with_opposite_errors_get_half_each():
    assert chosen({"high": [1, 1, 1, 1], "low": [-1, -1, -1, -1], "far": [5, 5, 5, 5]}) == {"high": 0.5, "low": 0.5}


def test_a_family_is_drawn_as_often_as_it_helps():
    # the mean of one too low by 2 and two too high by 1 is right, and no other mean is
    assert chosen({"one": [-2, -2, -2], "two": [1, 1, 1]}) == {"one": pytest.approx(1 / 3), "two": pytest.approx(2 / 3)}


def test_a_family_that_no_other_helps_stands_alone():
    assert chosen({"best": [0.1, -0.1, 0.1, -0.1], "worse": [1, -1, 1, -1]}) == {"best": 1.0}


def test_of_equal_families_the_first_is_taken():
    assert chosen({"a": [1, -1, 1], "b": [1, -1, 1]}) == {"a": 1.0}


def test_one_round_takes_the_best_family():
    assert chosen({"high": [1.1, 1], "low": [-1, -1]}, EnsembleParameters(n_rounds=1, n_bags=0)) == {"low": 1.0}


errors = st.lists(st.lists(st.floats(-3, 3), min_size=8, max_size=8), min_size=1, max_size=5)


@given(errors)
def test_the_mean_is_never_worse_on_val_than_the_best_family(found):
    by_name = {f"f{i}": np.array(each) for i, each in enumerate(found)}
    weights = chosen(by_name)
    assert sum(weights.values()) == pytest.approx(1) and min(weights.values()) > 0
    mixed = sum(weight * by_name[name] for name, weight in weights.items())
    assert np.mean(mixed**2) <= min(np.mean(each**2) for each in by_name.values()) + 1e-12


def test_bags_spread_the_weights_that_one_choice_puts_on_luck():
    alone, bagged = chosen(alike()), chosen(alike(), EnsembleParameters(min_weight=0))
    assert max(bagged.values()) < max(alone.values())
    assert set(bagged) > set(alone)


def test_a_family_below_the_least_weight_is_left_out_and_the_others_fill_up():
    every = chosen(alike(), EnsembleParameters(min_weight=0))
    kept = chosen(alike(), EnsembleParameters(min_weight=0.1))
    assert set(kept) == {name for name, weight in every.items() if weight >= 0.1} != set(every)
    filled = sum(every[name] for name in kept)
    assert kept == pytest.approx({name: every[name] / filled for name in kept})


def test_the_family_with_the_most_weight_stays_whatever_the_least_weight():
    assert len(chosen(alike(), EnsembleParameters(min_weight=0.49))) == 1


def test_the_seed_alone_decides_the_bags():
    first, same, other = (chosen(alike(), EnsembleParameters(), seed=seed) for seed in (1, 1, 2))
    assert first == same != other


def test_the_order_of_the_trials_is_of_no_matter(trials, made):
    turned = ensemble_trial(trials[::-1], seed=3)
    assert turned.predictions.equals(made.predictions)
    assert turned.findings == made.findings


def test_several_families_are_weighed(made):
    assert 1 < len(made.model.members) == made.findings.facts["n_members"]


def test_its_predictions_are_those_of_the_stored_ensemble_after_the_original_is_gone(noisy_task, made, tmp_path):
    (tmp_path / "written").mkdir()
    made.model.save(tmp_path / "written")
    shutil.move(tmp_path / "written", tmp_path / "moved")
    loaded = load_model("ensemble", tmp_path / "moved")
    stored = made.predictions.filter(split="test")["y_pred"].to_numpy()
    np.testing.assert_array_equal(loaded.predict(noisy_task.parts["test"]), stored)
    np.testing.assert_array_equal(loaded.predict(noisy_task.later), made.pair_predictions["score_b"].to_numpy())
    usual = dict(made.predictions.select("video_id", "y_pred").rows())
    pairs = made.pair_predictions.filter(split="test")
    assert pairs["score_a"].to_list() == [usual[v] for v in pairs["video_id_a"]]
    assert (loaded.seed, loaded.parameters) == (3, EnsembleParameters())
    assert loaded.findings.importances == made.findings.importances


def test_what_a_channel_of_val_reached_has_no_part_in_its_own_predictions(trials):
    """So the ensemble's score on val is one on videos that its weights have not seen."""
    of_val = pl.col("split") == "val"
    channel = trials[0].predictions.filter(of_val)["channel_id"][0]
    higher = pl.when(of_val & (pl.col("channel_id") == channel)).then(pl.col("y_true") + 5).otherwise("y_true")
    moved = [replace(each, predictions=each.predictions.with_columns(y_true=higher)) for each in trials]
    before, after = (ensemble_trial(each, seed=3) for each in (trials, moved))
    own = [each.predictions.filter(of_val, channel_id=channel)["y_pred"].to_list() for each in (before, after)]
    assert own[0] == own[1]
    assert before.model.weights != after.model.weights


def test_every_member_lies_in_a_folder_of_its_name(made, tmp_path):
    made.model.save(tmp_path)
    weights = json.loads((tmp_path / "weights.json").read_text())["weights"]
    assert sorted(weights) == sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert weights == made.findings.importances


def test_a_family_is_loaded_as_itself(trials, tmp_path):
    trials[1].model.save(tmp_path)
    loaded = load_model("ridge", tmp_path)
    assert loaded.name == "ridge"
    with pytest.raises(UnknownName, match="model family must be one of"):
        load_model("oracle", tmp_path)


def test_what_it_costs_is_the_choice_and_the_prediction_of_all_members(trials, made):
    members = [each for each in trials if each.name in made.model.members]
    assert made.predict_ms_per_1k == pytest.approx(sum(each.predict_ms_per_1k for each in members))
    assert made.fit_seconds > 0 and made.n_train == 80


def test_it_is_ours_and_a_row_of_the_leaderboard(trials, made):
    assert (made.name, made.origin, made.is_baseline) == ("ensemble", "ours", False)
    board = leaderboard([*trials, made], ["ridge", "ensemble"], run_id="r1")
    row = board.row(by_predicate=pl.col("model") == "ensemble", named=True)
    assert row["learns"] == "weighted mean of families, weights chosen on val"
    rows = made.predictions.filter(split="test")
    assert row["test_rmse_log"] == rmse_log(rows["y_true"].to_numpy(), rows["y_pred"].to_numpy())


def test_it_has_no_gates(noisy_task, made):
    assert made.model.modality_weights(noisy_task.parts["val"]) == {}
    assert made.modality_weights.equals(made.predictions.select("video_id", "split"))


def test_trials_of_other_rows_or_an_ensemble_are_no_members(trials, made):
    with pytest.raises(InvalidInput, match="scored on the same videos"):
        ensemble_trial([trials[0], replace(trials[1], predictions=trials[1].predictions[1:])])
    with pytest.raises(InvalidInput, match="found no trials"):
        ensemble_trial([])
    with pytest.raises(InvalidInput, match="must be families; ensemble is none"):
        ensemble_trial([made])


def test_weights_must_be_of_the_members_and_sum_to_one(trials):
    ridge = trials[1].model
    for members, weights in (({}, {}), ({"ridge": ridge}, {"ridge": 0.9}), ({"ridge": ridge}, {"lightgbm": 1.0})):
        with pytest.raises(InvalidInput, match="a weight for each of its members, 1 in all"):
            Ensemble(members, weights)


def test_parameters_outside_their_bounds_are_refused():
    with pytest.raises(ValidationError):
        EnsembleParameters(n_rounds=0)
