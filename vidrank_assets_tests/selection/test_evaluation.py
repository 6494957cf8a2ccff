import numpy as np
import pytest

from vidrank_assets.errors import UnknownName
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.metrics import rmse_log


@pytest.mark.parametrize("family", ["channel_mean", "ridge"])
def test_predictions_are_those_of_the_fitted_model_on_val_and_test(small_task, family):
    made = trial(small_task, family)
    for part in ("val", "test"):
        rows = made.predictions.filter(split=part)
        np.testing.assert_array_equal(rows["y_pred"], made.model.predict(small_task.parts[part]))
        np.testing.assert_array_equal(rows["y_true"], small_task.parts[part].targets)
    assert made.n_train == 80 and made.fit_seconds > 0 and made.predict_ms_per_1k > 0


def test_a_pair_is_scored_with_the_later_side_as_the_earlier_publication_knew_it(small_task):
    made = trial(small_task, "channel_mean")
    usual = dict(made.predictions.select("video_id", "y_pred").rows())
    for video_id_a, score_a, score_b in made.pair_predictions.select("video_id_a", "score_a", "score_b").rows():
        assert score_a == usual[video_id_a]
        assert score_b == 1.0


def test_what_sees_the_signal_is_better_than_what_does_not(small_task):
    errors = {}
    for family in ("train_mean", "channel_mean", "ridge"):
        rows = trial(small_task, family).predictions.filter(split="test")
        errors[family] = rmse_log(rows["y_true"].to_numpy(), rows["y_pred"].to_numpy())
    assert errors["ridge"] < 0.5 * errors["channel_mean"] < errors["train_mean"]


def test_two_trials_with_one_seed_predict_the_same_to_the_bit(small_task):
    first, second = (trial(small_task, "lightgbm", seed=3) for _ in range(2))
    assert first.predictions.equals(second.predictions)
    assert first.pair_predictions.equals(second.pair_predictions)


def test_a_family_that_is_not_listed_is_refused(small_task):
    with pytest.raises(UnknownName, match="model family must be one of"):
        trial(small_task, "oracle")
