import altair as alt
import polars as pl
import pytest

from vidrank_assets.selection.report.charts_slices import (
    gate_weights,
    importances,
    label_coverage,
    slice_metric,
    slice_scores,
)


def values(chart, column):
    for rows in (
        chart["datasets"].values() if "datasets" in chart else (each["data"]["values"] for each in chart["layer"])
    ):
        if rows and column in rows[0]:
            return [row[column] for row in rows]
    raise AssertionError(column)


def scored(**values):
    """Slice metrics of two families: 0.5 and 0.9 where n is given."""
    return pl.DataFrame(
        [
            {"split": "test", "slice": by, "value": value, "n": n, "model": model, "rmse_log": score}
            for by, counts in values.items()
            for value, n in counts.items()
            for model, score in (("ridge", 0.5), ("channel_mean", 0.9))
        ]
    )


def test_pairs_have_no_slices_so_their_rank_metric_gives_way():
    assert slice_metric("pairwise_auc") == "rmse_log" and slice_metric("spearman") == "spearman"


def test_a_slice_with_one_value_makes_no_panel():
    made = slice_scores(
        scored(text_present={"1": 50}, channel_size={"1000-10000": 30, "0-1000": 5}),
        "ridge",
        "channel_mean",
        metric="rmse_log",
    )
    assert [chart["title"]["text"] for chart in made] == ["Subscribers"]
    alt.LayerChart.from_dict(made[0], validate=True)
    assert set(values(made[0], "label")) == {"0–1k · n 5", "1k–10k · n 30"}
    assert "ridge, 0–1k: 0.500 of 5 videos" in made[0]["description"]


def test_a_score_of_few_videos_is_marked_as_such():
    made = slice_scores(scored(label_type={"observed": 20, "interpolated": 19}), "ridge", None, metric="rmse_log")[0]
    assert dict(zip(values(made, "value"), values(made, "few"), strict=True)) == {
        "observed": False,
        "interpolated": True,
    }


def test_importances_are_shares_and_the_columns_of_a_vector_are_one_bar():
    chart = importances(
        "gbdt", {"title_length": 3.0, "hour": 1.0} | {f"image_{i}": 1.0 for i in range(4)} | {"bad": -2.0}
    )
    alt.LayerChart.from_dict(chart, validate=True)
    shares = dict(zip(values(chart, "column"), values(chart, "share"), strict=True))
    assert shares == pytest.approx({"image (4 columns)": 0.5, "title_length": 0.375, "hour": 0.125, "bad": 0.0})


def test_a_family_to_which_nothing_mattered_is_drawn_without_a_division_by_zero():
    chart = importances("gbdt", {"a": 0.0})
    alt.LayerChart.from_dict(chart, validate=True)
    assert values(chart, "share") == [0.0] and chart["description"] == "Importances of gbdt: a 0 %"


def test_gate_weights_are_means_over_the_videos_of_each_slice():
    weights = pl.DataFrame(
        {
            "video_id": ["a", "b", "c", "d"],
            "split": ["test", "test", "test", "val"],
            "image": [0.9, 0.5, 0.1, 0.0],
            "text": [0.1, 0.5, 0.9, 1.0],
        }
    )
    slices = pl.DataFrame(
        {"video_id": ["a", "b", "c", "d"], "text_present": ["1", "1", None, "1"], "label_type": ["x"] * 4}
    )
    chart = gate_weights("gated_fusion_mlp", weights, slices)
    alt.LayerChart.from_dict(chart, validate=True)
    rows = zip(values(chart, "label"), values(chart, "modality"), values(chart, "weight"), strict=True)
    found = {(label, modality): weight for label, modality, weight in rows}
    assert found == pytest.approx(
        {
            ("all test videos", "image"): 0.5,
            ("all test videos", "text"): 0.5,
            ("Has a title: yes", "image"): 0.7,
            ("Has a title: yes", "text"): 0.3,
            ("Has a title: unknown", "image"): 0.1,
            ("Has a title: unknown", "text"): 0.9,
        }
    )


def test_labels_are_shares_of_all_videos():
    chart = label_coverage({"7d": {"observed": 60, "interpolated": 15, "missing": {"too_far": 20, "too_young": 5}}})
    alt.LayerChart.from_dict(chart, validate=True)
    assert chart["title"]["subtitle"] == "observed 60 % · interpolated 15 % · missing 25 %"
    assert values(chart, "end") == pytest.approx([0.6, 0.75, 1.0])


def test_a_horizon_without_videos_is_drawn_as_a_bar_without_length():
    chart = label_coverage({"7d": {"observed": 0, "interpolated": 0, "missing": {}}})
    alt.LayerChart.from_dict(chart, validate=True)
    assert values(chart, "kind") == ["observed", "interpolated", "missing"]
    assert values(chart, "start") == values(chart, "end") == [0.0] * 3
    assert chart["title"]["subtitle"] == "observed 0 % · interpolated 0 % · missing 0 %"
