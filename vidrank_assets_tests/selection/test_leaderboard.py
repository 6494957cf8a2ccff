from dataclasses import replace

import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput, UnknownName
from vidrank_assets.selection.bootstrap import bootstrapped
from vidrank_assets.selection.evaluation import Trial, trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard, printed, slice_metrics, titled
from vidrank_assets.selection.metrics import METRICS, rmse_log
from vidrank_assets.selection.scored_rows import fingerprint
from vidrank_assets.selection.task import Cell
from vidrank_assets.tables import LEADERBOARD, SLICE_METRICS

FAMILIES = ["ridge", "channel_mean", "train_mean"]


@pytest.fixture(scope="module")
def trials(small_task):
    return [trial(small_task, family) for family in ("train_mean", "ridge", "channel_mean")]


@pytest.fixture(scope="module")
def board(trials):
    return leaderboard(trials, FAMILIES, run_id="r1")


def row(board, model):
    return board.row(by_predicate=pl.col("model") == model, named=True)


def moved(made: Trial, by: float) -> Trial:
    """The same trial with predictions that are off by `by`."""
    return replace(made, predictions=made.predictions.with_columns(y_pred=pl.col("y_true") + by))


def test_rows_are_in_the_order_of_the_rank_metric_with_the_best_flagged(board):
    assert board["model"].to_list() == FAMILIES
    assert board["val_rmse_log"].is_sorted()
    assert board["is_best"].to_list() == [True, False, False]
    assert board["is_baseline"].to_list() == [False, True, True]


def test_it_is_the_declared_table(board):
    assert LEADERBOARD.checked(board).equals(board)
    assert set(board["fusion_strategy"]) == {"concat"} and set(board["horizon_days"]) == {7}
    assert row(board, "ridge")["learns"] == "target_log over channel_mean"


def test_metrics_are_those_of_the_predictions(board, trials):
    for made in trials:
        for part in ("val", "test"):
            rows = made.predictions.filter(split=part)
            expected = rmse_log(rows["y_true"].to_numpy(), rows["y_pred"].to_numpy())
            assert row(board, made.name)[f"{part}_rmse_log"] == expected
    assert [row(board, "ridge")[f"n_{part}"] for part in ("train", "val", "test", "val_pairs", "test_pairs")] == [
        80,
        20,
        20,
        14,
        14,
    ]


def test_every_row_is_compared_with_the_baseline_that_is_best_on_val(board):
    assert set(board["best_baseline"]) == {"channel_mean"}
    ridge, best, other = (row(board, model) for model in FAMILIES)
    assert ridge["test_improvement"] == pytest.approx(best["test_rmse_log"] - ridge["test_rmse_log"])
    assert 0 < ridge["test_improvement_low"] < ridge["test_improvement"] < ridge["test_improvement_high"]
    assert ridge["val_rank_low"] < ridge["val_rmse_log"] < ridge["val_rank_high"]
    assert (best["val_improvement"], best["val_improvement_low"], best["val_improvement_high"]) == (0, 0, 0)
    assert other["val_improvement"] < 0


def test_every_row_but_the_first_is_compared_with_the_row_above(board, trials):
    first, second, third = (row(board, model) for model in FAMILIES)
    assert (first["val_over_above"], first["test_over_above"], first["test_over_above_low"]) == (None, None, None)
    assert third["test_over_above"] == second["test_rmse_log"] - third["test_rmse_log"]
    by_name = {made.name: bootstrapped(METRICS["rmse_log"], made.predictions.filter(split="test")) for made in trials}
    for each, above in ((second, first), (third, second)):
        assert each["val_over_above"] < 0
        expected = by_name[each["model"]].over(by_name[above["model"]])
        assert tuple(each[f"test_over_above{bound}"] for bound in ("", "_low", "_high")) == tuple(expected)


def test_the_interval_over_the_best_baseline_is_that_of_the_bootstrap(board, trials):
    by_name = {made.name: bootstrapped(METRICS["rmse_log"], made.predictions.filter(split="val")) for made in trials}
    expected = by_name["ridge"].over(by_name["channel_mean"])
    assert tuple(row(board, "ridge")[f"val_improvement{bound}"] for bound in ("", "_low", "_high")) == tuple(expected)


def test_a_row_says_whose_idea_it_is(board):
    assert board["origin"].to_list() == ["reference", "baseline", "baseline"]


def timed(trials, **milliseconds):
    return [replace(made, predict_ms_per_1k=milliseconds[made.name]) for made in trials]


def test_a_row_is_on_the_front_when_no_other_is_as_good_and_as_fast(trials):
    ahead = leaderboard(timed(trials, ridge=5.0, channel_mean=6.0, train_mean=1.0), [], run_id="r1")
    assert ahead.select("model", "is_pareto").rows() == [("ridge", True), ("channel_mean", False), ("train_mean", True)]
    slower = leaderboard(timed(trials, ridge=5.0, channel_mean=4.0, train_mean=4.0), [], run_id="r1")
    assert slower["is_pareto"].to_list() == [True, True, False]


def test_equal_rows_are_on_the_front_together(trials):
    equal = timed([moved(made, 0.5) for made in trials], ridge=2.0, channel_mean=2.0, train_mean=3.0)
    board = leaderboard(equal, [], run_id="r1")
    assert {name for name, front in board.select("model", "is_pareto").rows() if front} == {"ridge", "channel_mean"}


def test_rows_say_what_they_were_scored_on(board, trials):
    assert set(board["scored_videos"]) == {fingerprint(trials[0])}


def test_a_metric_that_is_not_defined_is_null(board):
    assert row(board, "train_mean")["val_spearman"] is None


def test_without_a_baseline_there_is_no_improvement(trials):
    alone = leaderboard([trials[1]], ["ridge"], run_id="r1")
    assert alone.select("best_baseline", "val_improvement", "test_improvement_low").row(0) == (None, None, None)
    assert alone["is_best"].to_list() == [True]


def test_a_baseline_that_is_best_is_flagged_as_such(trials):
    lucky = [moved(made, 0.0) if made.name == "train_mean" else made for made in trials]
    board = leaderboard(lucky, FAMILIES, run_id="r1")
    assert board["model"][0] == "train_mean" and board["is_best"][0]


@pytest.mark.parametrize("metric", METRICS)
def test_any_metric_ranks_in_its_own_direction(trials, metric):
    board = leaderboard(trials, FAMILIES, run_id="r1", ranking=Ranking(metric, resamples=50))
    scores = [METRICS[metric].sign * value for value in board[f"val_{metric}"] if value is not None]
    assert scores == sorted(scores, reverse=True)
    assert set(board["rank_metric"]) == {metric}


def test_a_model_without_the_rank_metric_comes_last(trials):
    board = leaderboard(trials, FAMILIES, run_id="r1", ranking=Ranking("spearman", resamples=50))
    assert board["model"][-1] == "train_mean" and board["val_spearman"][-1] is None
    assert board["best_baseline"][0] == "channel_mean"


def test_equal_models_are_in_the_order_of_their_names(trials):
    board = leaderboard([moved(made, 0.5) for made in trials], FAMILIES, run_id="r1")
    assert board["model"].to_list() == sorted(FAMILIES)


def test_a_requested_family_without_metrics_is_an_error_that_names_it(trials):
    with pytest.raises(InvalidInput, match="every requested family must have metrics; there are none for lightgbm"):
        leaderboard(trials, [*FAMILIES, "lightgbm"], run_id="r1")


@pytest.mark.parametrize("cell", [Cell("concat", 14), Cell("concat", 7, "snapshot1"), Cell("sum_pool", 7)])
def test_trials_of_different_cells_are_not_ranked_together(trials, cell):
    with pytest.raises(InvalidInput, match="all of one strategy, horizon and information set"):
        leaderboard([trials[0], replace(trials[1], cell=cell)], [], run_id="r1")


def test_one_family_twice_and_no_family_at_all_are_refused(trials):
    with pytest.raises(InvalidInput, match="one trial per family"):
        leaderboard([trials[0], trials[0]], [], run_id="r1")
    with pytest.raises(InvalidInput, match="found no trials"):
        leaderboard([], [], run_id="r1")


def test_trials_of_different_videos_are_not_ranked_together(trials):
    fewer = replace(trials[1], predictions=trials[1].predictions[1:])
    with pytest.raises(InvalidInput, match="scored on the same videos; ridge differ from train_mean"):
        leaderboard([trials[0], fewer], [], run_id="r1")


def test_ranking_by_pairs_without_pairs_is_refused(trials):
    without = [replace(made, pair_predictions=made.pair_predictions[:0]) for made in trials]
    assert leaderboard(without, FAMILIES, run_id="r1")["val_pairwise_auc"].null_count() == 3
    with pytest.raises(InvalidInput, match="pairwise_auc must have pairs of val"):
        leaderboard(without, FAMILIES, run_id="r1", ranking=Ranking("pairwise_auc"))


def test_a_rank_metric_that_is_not_listed_is_refused():
    with pytest.raises(UnknownName, match="rank metric must be one of: rmse_log, .*; got 'accuracy'"):
        Ranking("accuracy")


def test_slices_of_a_part_hold_all_its_videos_once(trials):
    slices = slice_metrics(trials, run_id="r1")
    assert SLICE_METRICS.checked(slices).equals(slices)
    assert set(slices["slice"]) == {
        "text_present",
        "age_at_snapshot1",
        "channel_seen_in_train",
        "label_type",
        "channel_size",
    }
    assert set(slices.group_by("model", "split", "slice").agg(pl.col("n").sum())["n"]) == {20}


def test_a_slice_is_scored_on_its_own_videos(trials):
    rows = trials[1].predictions.filter(split="test", text_present="1")
    found = slice_metrics(trials, run_id="r1").filter(model="ridge", split="test", slice="text_present", value="1")
    assert found["n"].item() == rows.height == 10
    assert found["rmse_log"].item() == rmse_log(rows["y_true"].to_numpy(), rows["y_pred"].to_numpy())


def test_what_is_not_known_is_a_slice_of_its_own(trials):
    unknown = [
        replace(made, predictions=made.predictions.with_columns(label_type=pl.lit(None, dtype=pl.String)))
        for made in trials
    ]
    assert set(slice_metrics(unknown, run_id="r1").filter(slice="label_type")["value"]) == {"unknown"}


def test_for_people_it_is_rounded_with_the_interval_in_one_column(board):
    shown = printed(board)
    assert shown["model"].to_list() == FAMILIES
    assert [each.removesuffix(" · fast") for each in shown["is"]] == ["best · reference", "baseline", "baseline"]
    best = row(board, "ridge")
    gain = [round(best[f"test_improvement{bound}"], 3) for bound in ("", "_low", "_high")]
    assert shown["over channel_mean"].to_list() == [f"{gain[0]} [{gain[1]}, {gain[2]}]", None, None]
    above = [round(row(board, "channel_mean")[f"test_over_above{bound}"], 3) for bound in ("", "_low", "_high")]
    assert shown["over the row above"].to_list()[:2] == [None, f"{above[0]} [{above[1]}, {above[2]}]"]
    assert shown["val_rmse_log"][0] == round(best["val_rmse_log"], 3)
    assert titled(board).endswith("80 train, 20 val, 20 test videos, 14 test pairs")


def test_for_people_no_improvement_is_zero_and_not_minus_zero(board):
    nearly = board.with_columns(test_improvement=pl.lit(-0.0001))
    assert printed(nearly)["over channel_mean"][0].startswith("0.0 [")


def test_an_empty_board_is_shown_empty():
    assert printed(LEADERBOARD.empty()).is_empty()
