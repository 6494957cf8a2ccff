from math import log

import altair as alt
import numpy as np
import polars as pl
import pytest

from vidrank_assets.selection.report.charts_predictions import (
    POINTS_SHOWN,
    predicted_against_actual,
    residuals,
    sample_note,
    sampled,
)


def videos(n, *, off=0.0):
    actual = np.linspace(log(100), log(1_000_000), n)
    return pl.DataFrame(
        {
            "video_id": [f"v{i:05d}" for i in range(n)],
            "title": [f"title {i}" for i in range(n)],
            "y_true": np.log1p(np.exp(actual)),
            "y_pred": np.log1p(np.exp(actual)) - off,
            "age_hours_at_snapshot1": np.linspace(0, 100, n),
            "channel_subscribers": np.arange(n, dtype=np.int64),
        }
    )


def values(chart, column):
    for rows in (
        chart["datasets"].values() if "datasets" in chart else (each["data"]["values"] for each in chart["layer"])
    ):
        if rows and column in rows[0]:
            return [row[column] for row in rows]
    raise AssertionError(column)


def test_a_sample_is_evenly_spaced_and_keeps_both_ends():
    shown = sampled(videos(10_001), 11)
    assert shown["video_id"].to_list() == [f"v{i:05d}" for i in range(0, 10_001, 1000)]
    assert sampled(videos(5), 11).height == 5


def test_a_chart_says_when_not_all_videos_are_drawn():
    assert sample_note(POINTS_SHOWN) == "400 test videos"
    assert sample_note(20_000) == "400 of 20,000 test videos drawn"


def test_points_are_in_views_and_never_more_than_a_chart_shows():
    chart = predicted_against_actual("ridge", videos(5000), titled=True)
    alt.LayerChart.from_dict(chart, validate=True)
    actual = values(chart, "actual")
    assert len(actual) == POINTS_SHOWN
    assert actual[0] == pytest.approx(100) and actual[-1] == pytest.approx(1_000_000)


def test_the_share_within_a_factor_of_two_is_of_all_videos():
    rows = pl.concat([videos(300), videos(100, off=log(3))])
    assert predicted_against_actual("ridge", rows, titled=False)["title"]["subtitle"].startswith("75 % within")


def test_a_tooltip_says_title_prediction_and_truth():
    chart = predicted_against_actual("ridge", videos(1, off=log(2)), titled=True)
    assert values(chart, "said") == ["title 0\npredicted 49.5, actual 100 (×2.0)"]


def test_a_family_that_always_predicts_half_misses_by_two_everywhere():
    made = residuals("ridge", videos(80, off=log(2)))
    assert [chart["title"]["text"] for chart in made] == [
        "Misses by predicted views",
        "Misses by age at the first capture",
        "Misses by subscribers of the channel",
    ]
    for chart in made:
        alt.LayerChart.from_dict(chart, validate=True)
        np.testing.assert_allclose(values(chart, "middle"), 1.0, atol=1e-6)  # log2 of two
        assert "from ×2.0 to ×2.0" in chart["description"]


def test_middle_and_spread_are_those_of_bins_of_equal_size():
    rows = videos(40).with_columns(y_pred=pl.col("y_true") - pl.Series(np.arange(40) % 5 * log(2)))
    chart = residuals("ridge", rows)[1]
    assert values(chart, "middle") == pytest.approx([2.0] * 8)
    assert values(chart, "low") == pytest.approx([0.4] * 8)
    assert values(chart, "high") == pytest.approx([3.6] * 8)


def test_what_no_video_has_makes_no_panel_and_one_video_is_drawn():
    rows = videos(1).with_columns(age_hours_at_snapshot1=pl.lit(None, pl.Float64), title=pl.lit(None, pl.String))
    made = residuals("ridge", rows)
    assert len(made) == 2
    for chart in (*made, predicted_against_actual("ridge", rows, titled=True)):
        alt.LayerChart.from_dict(chart, validate=True)
