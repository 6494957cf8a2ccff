import re
from io import BytesIO

import polars as pl
import pytest
from PIL import Image

from vidrank_assets.errors import NoRows
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard
from vidrank_assets.selection.report.comparison_page import comparison_figures, comparison_page, comparison_png

FAMILIES = ["channel_mean", "ridge", "train_mean"]
COUNTS = {
    "7d": {"observed": 90, "interpolated": 5, "missing": {"too_young": 5}},
    "14d": {"observed": 50, "interpolated": 0, "missing": {"too_young": 50}},
}


@pytest.fixture(scope="module")
def board(small_task):
    return leaderboard(
        [trial(small_task, family) for family in FAMILIES], FAMILIES, run_id="r1", ranking=Ranking(resamples=50)
    )


def of(board, days=7, strategy="concat", run="r1", **more):
    literals = {name: pl.lit(value) for name, value in more.items()}
    return board.with_columns(
        horizon_days=pl.lit(days, pl.Int64), fusion_strategy=pl.lit(strategy), run_id=pl.lit(run), **literals
    )


@pytest.fixture(scope="module")
def boards(board):
    return pl.concat([of(board, days, strategy) for days in (7, 14) for strategy in ("concat", "max_pool")])


def text_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page[page.index("<body") :]).split())


def test_the_headline_counts_the_horizons_at_which_the_baseline_is_beaten(boards):
    assert "At all 2 horizons a family beats the best baseline" in text_of(comparison_page(boards, COUNTS))
    at_7 = pl.col("horizon_days") == 7
    unproven = boards.with_columns(test_improvement_low=pl.when(at_7).then(-1.0).otherwise("test_improvement_low"))
    page = text_of(comparison_page(unproven, COUNTS))
    assert "At 1 of 2 horizons a family beats the best baseline" in page
    assert "It does not beat channel_mean" in page
    none = text_of(comparison_page(unproven.filter(at_7), COUNTS))
    assert "No family is shown to beat the best baseline" in none


def test_every_chart_has_an_alternative_text_and_pictures_are_below_100_kb(boards):
    made = comparison_figures(boards, COUNTS)
    assert {name: len(charts) for name, charts in made.items()} == {"strategies": 2, "improvements": 2, "labels": 1}
    assert all(len(chart["description"]) > 30 for charts in made.values() for chart in charts)
    for picture in comparison_png(boards, COUNTS).values():
        assert len(picture) < 100_000 and Image.open(BytesIO(picture)).format == "PNG"


def test_of_the_strategies_the_one_that_is_best_on_validation_wins(board):
    better = of(board, strategy="max_pool").with_columns(val_rmse_log=pl.col("val_rmse_log") - 0.01)
    page = text_of(comparison_page(pl.concat([of(board), better]), COUNTS))
    assert "ridge on max_pool is first on validation" in page


def test_the_last_run_stands_for_its_partition_and_earlier_ones_are_listed(board):
    older = of(board, run="older", scored_videos="others").with_columns(val_rmse_log=pl.lit(0.0001))
    page = comparison_page(pl.concat([older, of(board, run="newer")]), COUNTS)
    runs = page[page.index('id="runs"') : page.index('id="labels"')]
    assert runs.index("newer") < runs.index("older")
    assert "<td>newest</td>" in runs and "<td>others</td>" in runs
    assert "0.000" not in page[: page.index('id="runs"')]


def test_leaderboards_ranked_by_another_metric_are_left_out_and_counted(board):
    other = of(board, days=14).with_columns(rank_metric=pl.lit("spearman"))
    page = text_of(comparison_page(pl.concat([other, of(board)]), COUNTS))
    assert "1 partition was ranked by another metric than rmse_log and is left out" in page


def test_strategies_scored_on_other_videos_are_not_silently_compared(board):
    page = text_of(comparison_page(pl.concat([of(board), of(board, strategy="max_pool", scored_videos="x")]), COUNTS))
    assert "the strategies were scored on different test videos" in page


def test_a_comparison_of_nothing_is_refused(board):
    with pytest.raises(NoRows, match="at least one leaderboard"):
        comparison_page(board.clear(), COUNTS)


def test_equal_leaderboards_make_equal_pages_and_names_are_text(boards):
    hostile = boards.with_columns(run_id=pl.lit("<script>alert(1)</script>"), data_source=pl.lit("sample"))
    page = comparison_page(hostile, COUNTS)
    assert page == comparison_page(hostile, COUNTS)
    assert "<script" not in page and "SYNTHETIC" in page


def test_without_intervals_baseline_or_labels_there_is_still_a_page(board):
    gone = [name for name in board.columns if name.startswith(("test_improvement", "test_rank"))]
    bare = board.filter(model="ridge").with_columns(
        *(pl.lit(None, pl.Float64).alias(name) for name in gone), best_baseline=pl.lit(None, pl.String)
    )
    page = text_of(comparison_page(bare, {}))
    assert "How it compares with a baseline is not known" in page
