from dataclasses import replace
from math import isnan

import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.metrics import METRICS
from vidrank_assets.selection.scored_rows import check_comparable, fingerprint, scorable, value


@pytest.fixture(scope="module")
def made(small_task):
    return trial(small_task, "channel_mean")


def test_a_metric_of_pairs_reads_those_with_different_targets(made):
    tied = made.pair_predictions.with_columns(target_b=pl.when(split="val").then("target_a").otherwise("target_b"))
    metric = METRICS["pairwise_auc"]
    assert scorable(metric, replace(made, pair_predictions=tied), "val").is_empty()
    assert set(scorable(metric, made, "test")["split"]) == {"test"}
    assert scorable(METRICS["rmse_log"], made, "test").equals(made.predictions.filter(split="test"))


def test_a_metric_without_rows_is_not_a_number(made):
    without = replace(made, pair_predictions=made.pair_predictions[:0])
    assert isnan(value(METRICS["pairwise_auc"], without, "val"))
    assert 0 <= value(METRICS["pairwise_auc"], made, "val") <= 1


def test_a_fingerprint_is_of_the_videos_of_val_and_test_and_their_targets_in_any_order(made, small_task):
    rows = made.predictions
    assert len(fingerprint(made)) == 12
    for same in (
        replace(made, predictions=rows.reverse()),
        replace(made, predictions=rows.with_columns(y_pred=pl.lit(0.0))),
        trial(small_task, "train_mean"),
    ):
        assert fingerprint(same) == fingerprint(made)
    for other in (
        rows[1:],
        rows[:-1],
        rows.with_columns(pl.col("y_true") + 1e-9),
        rows.with_columns(pl.col("video_id") + "x"),
    ):
        assert fingerprint(replace(made, predictions=other)) != fingerprint(made)


def test_trials_of_one_cell_and_the_same_rows_are_comparable(made, small_task):
    check_comparable([made, trial(small_task, "train_mean")])
    with pytest.raises(InvalidInput, match="one trial per family"):
        check_comparable([made, made])
