import polars as pl
import pytest

from vidrank_assets.errors import InvalidTable, NoRows, UnknownName
from vidrank_assets.selection.comparison import best_by_run, comparison, printed, side_by_side
from vidrank_assets.tables import COMPARISON, LEADERBOARD


def board(run_id="r1", strategy="concat", horizon=7, rows="aaa", information_set="publish", **errors):
    """A leaderboard with those errors on val; on test each is 0.1 worse."""
    defaults = {pl.String: "x", pl.Boolean: False, pl.Int64: 1, pl.Float64: 0.5}
    return pl.DataFrame(
        [
            {column.name: defaults[column.dtype] for column in LEADERBOARD.columns}
            | {"run_id": run_id, "fusion_strategy": strategy, "horizon_days": horizon, "model": model}
            | {"scored_videos": rows, "information_set": information_set, "rank_metric": "rmse_log"}
            | {"val_rmse_log": error, "test_rmse_log": None if error is None else error + 0.1, "val_spearman": error}
            for model, error in errors.items()
        ],
        schema=LEADERBOARD.schema,
    )


def compared(*boards, **chosen):
    return comparison(pl.concat(boards), **chosen)


def cells(table, *columns):
    return table.select(columns).rows()


def test_rows_of_all_strategies_and_runs_are_ranked_within_a_horizon():
    table = compared(
        board(ridge=1.0, lightgbm=0.8),
        board(strategy="sum_pool", ridge=0.9),
        board(run_id="r2", ridge=0.7),
        board(run_id="r2", horizon=14, ridge=2.0),
    )
    assert cells(table, "horizon_days", "rank", "fusion_strategy", "model", "run", "n_ranked") == [
        (7, 1, "concat", "ridge", 2, 4),
        (7, 2, "concat", "lightgbm", 1, 4),
        (7, 3, "sum_pool", "ridge", 1, 4),
        (7, 4, "concat", "ridge", 1, 4),
        (14, 1, "concat", "ridge", 2, 1),
    ]
    assert table["is_best_of_horizon"].to_list() == [True, False, False, False, True]
    assert COMPARISON.checked(table).equals(table)


def test_what_separates_a_row_from_the_best_is_positive_where_the_row_is_better():
    table = compared(board(ridge=1.0, lightgbm=0.75))
    assert table["val_over_best"].to_list() == [0, -0.25]
    assert table["test_over_best"].to_list() == pytest.approx([0, -0.25])
    higher = compared(board(ridge=1.0, lightgbm=0.75), metric_name="spearman")
    assert cells(higher, "model", "val_over_best") == [("ridge", 0), ("lightgbm", -0.25)]
    assert set(higher["compared_by"]) == {"spearman"}


def test_only_rows_with_the_same_test_videos_and_knowledge_are_ranked_together():
    table = compared(
        board(rows="aaa", ridge=1.0),
        board(rows="aaa", information_set="snapshot1", strategy="sum_pool", ridge=0.1),
        board(run_id="r2", rows="bbb", ridge=5.0, lightgbm=6.0),
    )
    assert cells(table, "information_set", "scored_videos", "rank", "is_best_of_horizon") == [
        ("publish", "bbb", 1, True),  # what the newest run was scored on comes first
        ("publish", "bbb", 2, False),
        ("publish", "aaa", 1, True),
        ("snapshot1", "aaa", 1, True),
    ]


def test_where_the_metric_is_equal_the_older_run_is_first_and_what_is_not_known_is_last():
    table = compared(board(run_id="z", ridge=1.0, train_mean=None), board(run_id="a", ridge=1.0, lightgbm=1.0))
    assert cells(table, "run_id", "model") == [("z", "ridge"), ("a", "lightgbm"), ("a", "ridge"), ("z", "train_mean")]
    assert table["val_over_best"].to_list() == [0, 0, 0, None]


def test_strategies_stand_side_by_side_with_the_newest_run_of_each():
    table = compared(
        board(ridge=1.0, lightgbm=0.8), board(strategy="sum_pool", ridge=0.9), board(run_id="r2", ridge=1.5)
    )
    on_val = side_by_side(table, part="val")
    assert cells(on_val, "model", "concat", "sum_pool", "best_on_val") == [
        ("lightgbm", 0.8, None, "concat"),
        ("ridge", 1.5, 0.9, "sum_pool"),
    ]
    assert side_by_side(table)["concat"].to_list() == pytest.approx([0.9, 1.6])


def test_every_horizon_has_its_own_rows_side_by_side():
    table = compared(board(ridge=1.0), board(horizon=14, ridge=2.0), board(horizon=14, strategy="max_pool", ridge=1.0))
    assert cells(side_by_side(table, part="val"), "horizon_days", "concat", "max_pool") == [
        (7, 1.0, None),
        (14, 2.0, 1.0),
    ]


def test_how_the_best_changed_from_run_to_run():
    table = compared(
        board(run_id="first", ridge=1.0, lightgbm=0.8),
        board(run_id="second", ridge=0.75, lightgbm=0.9),
        board(run_id="third", rows="bbb", ridge=2.0),
    )
    found = best_by_run(table)
    assert cells(found, "run_id", "model", "changed") == [
        ("first", "lightgbm", None),
        ("second", "ridge", True),
        ("third", "ridge", False),
    ]
    assert found["test_over_before"].to_list() == [None, pytest.approx(0.05), None]  # other videos: not comparable


def test_another_strategy_of_the_same_family_is_a_change():
    table = compared(board(run_id="a", ridge=1.0), board(run_id="b", strategy="sum_pool", ridge=1.0))
    assert best_by_run(table)["changed"].to_list() == [None, True]
    assert best_by_run(table)["test_over_before"].to_list() == [None, 0.0]


def test_each_horizon_has_its_own_history():
    table = compared(board(run_id="a", ridge=1.0), board(run_id="b", horizon=14, lightgbm=1.0))
    assert best_by_run(table)["changed"].to_list() == [None, None]


def test_for_people_it_is_rounded_in_the_same_order():
    shown = printed(compared(board(ridge=1.23456, lightgbm=0.8)))
    assert cells(shown, "rank", "model", "val_rmse_log", "test_over_best") == [
        (1, "lightgbm", 0.8, 0.0),
        (2, "ridge", 1.235, -0.435),
    ]


def test_nothing_to_compare_a_metric_that_is_not_listed_and_a_row_twice_are_refused():
    with pytest.raises(NoRows, match="at least one leaderboard"):
        comparison(LEADERBOARD.empty())
    with pytest.raises(UnknownName, match="rank metric must be one of"):
        compared(board(ridge=1.0), metric_name="accuracy")
    with pytest.raises(InvalidTable, match="leaderboard must have"):
        compared(board(ridge=1.0), board(ridge=1.0))
