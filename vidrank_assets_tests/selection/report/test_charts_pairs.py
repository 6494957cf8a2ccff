import altair as alt
import numpy as np
import polars as pl
import pytest

from vidrank_assets.selection.pair_probability import PairProbability
from vidrank_assets.selection.report.charts_pairs import (
    DAYS,
    MARGINS,
    correlation,
    curve_chart,
    head_chart,
    order_by,
    order_chart,
    reliability_chart,
)
from vidrank_assets.selection.report.rendering import svg_of


def drawn(chart):
    alt.LayerChart.from_dict(chart, validate=True)
    return svg_of(chart, "c")


def pairs_of(*rows):
    """target_a, target_b, score_a, score_b, days_apart."""
    names = ("target_a", "target_b", "score_a", "score_b", "days_apart")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64), orient="row")


def test_auc_by_bin_is_worked_by_hand():
    """Of the two pairs on a day one is right; in the second bin one tie in score and one right; no tie in target."""
    rows = pairs_of(
        (2, 1, 5, 4, 0.5),
        (2, 1, 4, 5, 0.9),
        (2, 1, 3, 3, 1.0),
        (1, 2, 3, 4, 2.9),
        (1, 1, 0, 9, 2.0),
        (2, 1, 1, 0, 40.0),
    )
    found = order_by(rows, "days_apart", DAYS)
    assert found["bin"].to_list() == ["less than 1", "1–3", "14 and more"]
    assert found["pairs"].to_list() == [2, 2, 1]
    assert found["auc"].to_list() == [0.5, 0.75, 1.0]
    assert (found["low"] < found["auc"]).all() and (found["auc"] <= found["high"]).all()


def test_a_bin_begins_with_its_first_number():
    """A margin of 0.5 is a winner with twice the views."""
    rows = pairs_of(*[(2, 1, 1, 0, 0)] * 3).with_columns(margin=pl.Series([0.499, 0.5, 0.9]))
    assert order_by(rows, "margin", MARGINS)["bin"].to_list() == ["×1.3–2", "×2–4", "×10 and more"]


def test_the_chart_of_order_says_every_bin_with_its_number_of_pairs():
    rows = pl.DataFrame(
        {"bin": ["1–3", "3–7"], "pairs": [1200, 7], "auc": [0.7, 0.6], "low": [0.67, 0.25], "high": [0.73, 0.85]}
    )
    chart = order_chart(rows, 0.69, title="By days", what="days")
    assert "1–3: 0.700 [0.670, 0.730] of 1,200 pairs; 3–7: 0.600 [0.250, 0.850] of 7 pairs" in chart["description"]
    assert "no gap filter, ties half; solid: chance; dashed: all, 0.690" in drawn(chart)


def test_reliability_says_what_was_said_what_held_and_of_how_many():
    of_winner = np.array([0.8] * 7 + [0.2] * 3)
    chart = reliability_chart(of_winner)
    assert "said 80 %, held 70 % [40 %, 89 %] of 10 pairs" in chart["description"]
    drawn(chart)


def test_a_bin_far_below_a_half_is_within_the_chart():
    chart = reliability_chart(np.array([0.1] * 50))
    low = chart["layer"][1]["encoding"]["y"]["scale"]["domain"][0]
    assert low <= 0.05
    drawn(chart)


def test_the_curve_ends_where_pairs_end():
    probability = PairProbability((0.0, 1.0, 2.0), (0.5, 0.6, 0.8), (0.5, 0.5, 0.7), (0.5, 0.7, 0.9), 1234, 56)
    chart = curve_chart(probability)
    assert "at 2.00" in chart["description"] and "80 % [70 %, 90 %]" in chart["description"]
    assert "learned from 1,234 val pairs of 56 channels" in drawn(chart)


def test_a_head_that_says_what_was_measured_correlates_by_one():
    videos = pl.DataFrame({"video_id": ["a", "b", "c"], "y_true": [0.1, 0.5, 0.9], "y_pred": [0.3, 0.4, 0.5]})
    chart = head_chart("title_match", videos, measured="measured of the picture")
    assert "correlation 1.00 over 3 test videos" in chart["description"]
    assert "title match" in drawn(chart)


@pytest.mark.parametrize("said", [[0.5, 0.5, 0.5], [0.1, 0.2]])
def test_a_head_that_says_one_thing_or_was_asked_twice_has_no_correlation(said):
    videos = pl.DataFrame(
        {"video_id": [str(i) for i in range(len(said))], "y_true": np.linspace(0, 1, len(said)), "y_pred": said}
    )
    assert np.isnan(correlation(videos))
    drawn(head_chart("clarity", videos, measured="measured"))
