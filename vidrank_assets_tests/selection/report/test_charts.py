import altair as alt
import polars as pl
import pytest

from vidrank_assets.models.base import Step
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard
from vidrank_assets.selection.report.charts import cost, improvements, learning_curve, scores

FAMILIES = ["train_mean", "channel_mean", "ridge"]


@pytest.fixture(scope="module")
def board(small_task):
    made = leaderboard([trial(small_task, f) for f in FAMILIES], FAMILIES, run_id="r1", ranking=Ranking(resamples=50))
    return made.with_columns(predict_ms_per_1k=pl.Series([30.0, 2.0, 1.0]))


def rows_of(chart, column):
    """The rows of the layer that has such a column."""
    for values in (
        chart["datasets"].values() if "datasets" in chart else (each["data"]["values"] for each in chart["layer"])
    ):
        if values and column in values[0]:
            return {row["model"]: row for row in values if "model" in row} or values
    raise AssertionError(column)


@pytest.mark.parametrize("chart", [scores, improvements, cost])
def test_a_chart_is_valid_vega_lite_and_names_every_family_in_words(board, chart):
    made = chart(board)
    alt.LayerChart.from_dict(made, validate=True)
    if chart is not cost:
        assert all(model in made["description"] for model in FAMILIES)


def test_scores_are_those_of_the_leaderboard_with_their_intervals(board):
    row = rows_of(scores(board), "low")["ridge"]
    expected = board.filter(model="ridge").row(0, named=True)
    assert (row["value"], row["low"], row["high"]) == (
        expected["test_rmse_log"],
        expected["test_rank_low"],
        expected["test_rank_high"],
    )


def test_a_family_far_off_the_scale_stands_at_its_edge_with_an_arrow(board):
    far = board.with_columns(test_rmse_log=pl.when(model="train_mean").then(50.0).otherwise("test_rmse_log"))
    row = rows_of(scores(far), "beyond")["train_mean"]
    assert row["beyond"] and row["off_scale"].endswith("→") and "50" in row["off_scale"]
    assert not rows_of(scores(far), "beyond")["ridge"]["beyond"]


def test_an_improvement_is_sure_only_where_its_interval_leaves_zero_out(board):
    for low, high, sure in ((0.1, 0.3, True), (-0.1, 0.3, False), (-0.3, -0.1, True), (None, None, False)):
        given = board.with_columns(
            test_improvement_low=pl.lit(low, pl.Float64), test_improvement_high=pl.lit(high, pl.Float64)
        )
        assert rows_of(improvements(given), "sure")["ridge"]["sure"] is sure


def test_better_is_up_whatever_the_metric(board):
    def is_reversed(board):
        encodings = [layer["encoding"] for layer in cost(board)["layer"] if "y" in layer["encoding"]]
        return encodings[0]["y"]["scale"]["reverse"]

    assert is_reversed(board) is True
    assert is_reversed(board.with_columns(rank_metric=pl.lit("spearman"))) is False


def test_a_board_without_any_score_names_its_families_and_draws_no_point(board):
    scored = [name for name in board.columns if name.startswith(("test_r", "val_r"))]
    none = board.with_columns(pl.lit(None, pl.Float64).alias(name) for name in scored)
    made, costs = scores(none), cost(none)
    rows = rows_of(made, "said")
    assert set(rows) == set(FAMILIES) and {row["value"] for row in rows.values()} == {None}
    assert all(f"{family}: – no interval" in made["description"] for family in FAMILIES)
    assert [rows for rows in costs["datasets"].values() if rows] == []
    for chart in (made, costs):
        alt.LayerChart.from_dict(chart, validate=True)


def test_a_long_curve_is_thinned_but_keeps_its_best_and_its_last_step():
    curve = [Step(i, 1.0 / i, 1.0 + abs(i - 777) / 1000) for i in range(1, 1001)]
    made = learning_curve("gbdt", curve)
    numbers = {row["number"] for row in rows_of(made, "rmse")}
    assert {1, 777, 1000} <= numbers and len(numbers) < 200
    assert "best on val at step 777 of 1000: 1.000" in made["title"]["subtitle"]


@pytest.mark.parametrize(
    ("curve", "drawn", "best"),
    [
        ([Step(1, None, 0.5)], [("val", 1, 0.5)], 1),
        (
            [Step(1, 0.4, float("nan")), Step(2, 0.3, 0.5)],
            [("train", 1, 0.4), ("train", 2, 0.3), ("val", 2, 0.5)],
            2,
        ),
    ],
    ids=["one step without an error of train", "a step without an error of val"],
)
def test_of_a_curve_the_errors_that_are_known_are_drawn_and_no_others(curve, drawn, best):
    made = learning_curve("net", curve)
    alt.LayerChart.from_dict(made, validate=True)
    assert sorted((row["part"], row["number"], row["rmse"]) for row in rows_of(made, "rmse")) == drawn
    assert made["title"]["subtitle"] == f"best on val at step {best} of {best}: 0.500"
