from dataclasses import replace
from math import log

import polars as pl
import pytest

from vidrank_assets.models.base import Findings
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard, slice_metrics
from vidrank_assets.selection.report import tables

FAMILIES = ["train_mean", "channel_mean", "ridge"]


@pytest.fixture(scope="module")
def trials(small_task):
    return [trial(small_task, family) for family in FAMILIES]


@pytest.fixture(scope="module")
def board(trials):
    return leaderboard(trials, FAMILIES, run_id="r1", ranking=Ranking(resamples=50))


def predicting(made, y_true, y_pred, title="a"):
    rows = made.predictions.filter(split="test").head(len(y_true))
    return replace(
        made,
        predictions=rows.with_columns(
            y_true=pl.Series(y_true), y_pred=pl.Series(y_pred), title=pl.lit(title, pl.String)
        ),
    )


def test_every_family_has_a_row_and_only_the_best_baseline_is_not_compared_with_itself(board):
    rows = tables.leaderboard_rows(board)
    assert [row["model"] for row in rows] == board["model"].to_list()
    by_name = {row["model"]: row for row in rows}
    assert by_name["channel_mean"]["gain"] == "" and by_name["train_mean"]["gain"].startswith("−")
    assert by_name["ridge"]["gain"].startswith("+") and by_name["ridge"]["gain_standing"] == "better"
    assert rows[0]["above"] == "" and rows[1]["above"]


def test_a_slice_row_has_a_cell_for_every_family_and_says_when_there_are_few_videos(trials, board):
    rows = tables.slice_rows(slice_metrics(trials, run_id="r1"), FAMILIES, "channel_mean", metric="rmse_log")
    assert all(len(row["cells"]) == 3 for row in rows)
    of_text = [row for row in rows if row["slice"] == "Has a title"]
    assert [(row["value"], row["n"], row["few"], row["starts"]) for row in of_text] == [
        ("no", "10", True, True),
        ("yes", "10", True, False),
    ]
    assert of_text[0]["cells"][1]["tint"] == 0  # the baseline beside itself


@pytest.mark.parametrize(
    "score, over, metric, tone, tint",
    [
        (0.75, 1.0, "rmse_log", "ours", 45),
        (0.875, 1.0, "rmse_log", "ours", 22),
        (1.1, 1.0, "rmse_log", "worse", 18),
        (0.6, 0.5, "spearman", "ours", 36),
        (0.4, 0.5, "spearman", "worse", 36),
        (9.0, 1.0, "rmse_log", "worse", 45),
        (None, 1.0, "rmse_log", "worse", 0),
        (0.5, None, "rmse_log", "worse", 0),
    ],
)
def test_a_cell_is_tinted_by_how_much_better_it_is_than_the_baseline_a_quarter_being_full(
    score, over, metric, tone, tint
):
    cell = tables.heat_cell(score, over, metric)
    assert (cell["tone"], cell["tint"]) == (tone, tint)


def test_best_and_worst_are_by_the_factor_that_was_missed(trials):
    made = predicting(trials[0], [log(101), log(101), log(1001)], [log(101), log(202), log(101)])
    found = tables.extremes(made)
    ids = made.predictions["video_id"].to_list()
    assert [row["video_id"] for row in found["best"]] == [ids[0], ids[1], ids[2]]
    assert [row["video_id"] for row in found["worst"]] == [ids[2], ids[1], ids[0]]
    assert found["worst"][0] | {"title": "", "subscribers": "", "share": 0} == {
        "title": "",
        "video_id": ids[2],
        "subscribers": "",
        "predicted": "100",
        "actual": "1,000",
        "off": "×9.9",
        "share": 0,
    }


def test_one_test_video_is_both_best_and_worst(trials):
    found = tables.extremes(predicting(trials[0], [1.0], [2.0], title=None))
    assert len(found["best"]) == len(found["worst"]) == 1
    assert found["best"][0]["title"] == "(no title)"


def test_misses_are_factors_of_half_and_of_nine_in_ten_videos(trials):
    off = [0.0] * 5 + [log(1.9)] * 4 + [log(10), log(10)]
    made = predicting(trials[0], [10.0] * 11, [10.0 - each for each in off])
    assert tables.miss_rows([made]) == [{"model": "train_mean", "half": "×1.9", "most": "×10", "within": "82 %"}]


def test_parts_are_said_in_views():
    data = {
        "rows": {"train": 1200},
        "target": {"train": {"min": log(11), "median": log(101), "max": None, "std": log(2)}},
    }
    assert tables.part_rows(data) == [
        {"part": "train", "n": "1,200", "min": "10", "median": "100", "max": "–", "std": "×2.0"}
    ]


def test_labels_that_are_missing_say_why():
    rows = tables.label_rows({"observed": 3, "interpolated": 0, "missing": {"captures_too_far_apart": 1}})
    assert [(row["kind"], row["n"], row["share"]) for row in rows] == [
        ("observed", "3", "75 %"),
        ("interpolated", "0", "0 %"),
        ("missing: captures too far apart", "1", "25 %"),
    ]


def test_features_that_are_never_missing_are_not_listed():
    rows = tables.missing_rows({"a": 0.0, "b": 0.1, "c": 0.5})
    assert [(row["name"], row["percent"]) for row in rows] == [("c", 50), ("b", 10)]


def test_what_a_fit_chose_is_listed_where_it_chose(trials):
    made = replace(trials[2], findings=Findings({"alpha": 0.123456, "device": "cpu"}))
    assert tables.fact_rows([trials[0], made]) == [{"model": "ridge", "facts": "alpha 0.123, device cpu"}]


def test_a_configuration_is_nested_text_and_what_is_very_long_says_that_it_is_cut():
    found = tables.outline({"a": {"alphas": [0.1, 1], "none": None}, "b": [{"c": True}], "d": "x" * 9000})
    assert found["a"] == {"alphas": "0.1, 1", "none": "–"}
    assert found["b"] == {"0": {"c": "True"}}
    assert found["d"].endswith("… (cut here)") and len(found["d"]) < 1600
