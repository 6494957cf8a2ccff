import altair as alt
import polars as pl
import pytest

from vidrank_assets.selection.report.charts_comparison import strategy_improvements, strategy_scores


@pytest.fixture
def rows():
    """Two strategies of three families; ridge is best in both, trees are worse than the baseline in max_pool."""
    scores = {"concat": (0.6, 0.7, 0.8), "max_pool": (0.7, 0.9, 0.8)}
    return pl.DataFrame(
        [
            {
                "fusion_strategy": strategy,
                "model": model,
                "rank_metric": "rmse_log",
                "is_best": model == "ridge",
                "best_baseline": "channel_mean",
                "test_rmse_log": score,
                "test_rank_low": score - 0.05,
                "test_rank_high": score + 0.05,
                "test_improvement": 0.8 - score,
                "test_improvement_low": 0.75 - score,
                "test_improvement_high": 0.85 - score,
            }
            for strategy, values in scores.items()
            for model, score in zip(("ridge", "lightgbm", "channel_mean"), values, strict=True)
        ]
    )


def models_of(chart):
    return sorted(
        sorted((row["fusion_strategy"], row["model"]) for row in rows)
        for rows in chart["datasets"].values()
        if rows and "model" in rows[0]
    )


def test_each_strategy_shows_its_best_family_and_behind_it_what_is_no_worse_than_the_baseline(rows):
    chart = strategy_scores(rows, title="7d")
    alt.LayerChart.from_dict(chart, validate=True)
    best = [("concat", "ridge"), ("max_pool", "ridge")]
    others = [("concat", "channel_mean"), ("concat", "lightgbm"), ("max_pool", "channel_mean")]
    assert models_of(chart) == [others, best]
    assert "concat, ridge: 0.600 [0.550, 0.650]" in chart["description"]


def test_improvements_are_of_the_best_families_only(rows):
    chart = strategy_improvements(rows, title="7d")
    alt.LayerChart.from_dict(chart, validate=True)
    assert models_of(chart) == [[("concat", "ridge"), ("max_pool", "ridge")]]
    assert "max_pool, ridge: +0.100 [+0.050, +0.150]" in chart["description"]


def test_a_strategy_without_a_score_is_left_out_and_what_has_no_interval_says_so(rows):
    bare = rows.with_columns(
        test_rmse_log=pl.when(fusion_strategy="concat").then(None).otherwise("test_rmse_log"),
        test_rank_low=pl.lit(None, pl.Float64),
        test_improvement=pl.lit(float("nan")),
    )
    chart = strategy_scores(bare, title="7d")
    alt.LayerChart.from_dict(chart, validate=True)
    assert models_of(chart) == [[("max_pool", "channel_mean")], [("max_pool", "ridge")]]
    assert chart["description"].endswith("lower is better. max_pool, ridge: 0.700 no interval")
    chart = strategy_improvements(bare, title="7d")
    alt.LayerChart.from_dict(chart, validate=True)
    assert "concat, ridge: – [+0.150, +0.250]; max_pool, ridge: – [+0.050, +0.150]" in chart["description"]
