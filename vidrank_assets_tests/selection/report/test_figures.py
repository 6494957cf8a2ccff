from dataclasses import replace
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from PIL import Image

from vidrank_assets.models.base import Findings, Step
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard, slice_metrics
from vidrank_assets.selection.report.figures import charts_png, figures, has_gates, in_order_of

FAMILIES = ["train_mean", "channel_mean", "ridge"]
DATA = {"label_counts": {"observed": 100, "interpolated": 10, "missing": {"too_far": 10}}}


@pytest.fixture(scope="module")
def trials(small_task):
    """Ridge as if it were a gated net: with a curve, importances and gate weights."""
    plain = [trial(small_task, family) for family in FAMILIES]
    weights = plain[2].predictions.select("video_id", "split", image=pl.lit(0.7), text=pl.lit(0.3))
    findings = Findings({"device": "cpu"}, [Step(i, 1 / i, 1.2 / i) for i in range(1, 9)], {"title_length": 2.0})
    return [*plain[:2], replace(plain[2], modality_weights=weights, findings=findings)]


@pytest.fixture(scope="module")
def results(trials):
    board = leaderboard(trials, FAMILIES, run_id="r1", ranking=Ranking(resamples=50))
    return trials, board, slice_metrics(trials, run_id="r1")


def test_a_run_has_all_its_figures_and_every_chart_an_alternative_text(results):
    made = figures(*results, data=DATA)
    panels = {name: len(charts) for name, charts in made.items()}
    assert panels == {
        "scores": 2,
        "cost": 1,
        "learning_curves": 1,
        "predicted_against_actual": 3,
        "residuals": 2,  # subscribers are not known here
        "slices": 2,
        "importances": 1,
        "gate_weights": 1,
        "labels": 1,
    }
    descriptions = [chart["description"] for charts in made.values() for chart in charts]
    assert all(len(each) > 30 for each in descriptions) and len(set(descriptions)) == len(descriptions)


def test_what_there_is_nothing_to_show_of_has_no_chart_and_no_picture(small_task):
    one = [trial(small_task, "train_mean")]
    board = leaderboard(one, ["train_mean"], run_id="r1", ranking=Ranking(resamples=20))
    made = figures(one, board, slice_metrics(one, run_id="r1"), data=DATA)
    assert not made["learning_curves"] and not made["importances"] and not made["gate_weights"]
    assert len(made["scores"]) == 1  # nothing to be better than
    pictures = charts_png(made)
    assert set(pictures) == {name for name, charts in made.items() if charts}


def test_gates_are_those_of_a_family_with_modality_columns(trials):
    assert [has_gates(each) for each in trials] == [False, False, True]


def test_trials_stand_in_the_order_of_the_leaderboard(results):
    assert [each.name for each in in_order_of(results[1], results[0])] == results[1]["model"].to_list()


def test_pictures_are_png_below_100_kb(results):
    for name, picture in charts_png(figures(*results, data=DATA)).items():
        assert len(picture) < 100_000, name
        assert Image.open(BytesIO(picture)).format == "PNG"


@pytest.mark.slow
def test_pictures_of_many_videos_and_families_are_below_100_kb(results):
    trials, board, slices = results
    rng = np.random.default_rng(0)
    n = 20_000
    y_true = rng.normal(9, 2, n)
    base = trials[2].predictions.filter(split="test")
    rows = base[rng.integers(0, base.height, n)].with_columns(
        video_id=pl.Series([f"v{i}" for i in range(n)]), y_true=pl.Series(y_true), channel_subscribers=pl.lit(5)
    )
    curve = [Step(i, 1 / i + 0.1, 1.1 / i + 0.2) for i in range(1, 501)]
    many, boards = [], []
    for i in range(14):
        model = replace_name(trials[2].model, f"family_with_a_long_name_{i:02d}")
        findings = Findings({}, curve, {f"column_{chr(97 + k)}": float(k) for k in range(20)})
        predictions = rows.with_columns(y_pred=pl.Series(y_true + rng.normal(0, 0.5 + i / 10, n)))
        many.append(replace(trials[2], model=model, predictions=predictions, findings=findings))
        boards.append(board.filter(model="ridge").with_columns(model=pl.lit(model.name), is_best=pl.lit(i == 0)))
    for name, picture in charts_png(figures(many, pl.concat(boards), slices, data=DATA)).items():
        assert len(picture) < 100_000, name


def replace_name(model, name):
    """The fitted model under another name."""
    return type(name, (type(model),), {"name": name})(seed=1)
