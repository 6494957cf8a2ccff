from dataclasses import replace

import numpy as np
import pytest

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.selection.ablation import modalities_of, modality_ablation, task_without, vectors_without
from vidrank_assets.selection.bootstrap import bootstrapped
from vidrank_assets.selection.ensemble import ensemble_trial
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import Ranking
from vidrank_assets.selection.metrics import METRICS, rmse_log
from vidrank_assets.selection.task import Cell
from vidrank_assets.tables import MODALITY_ABLATION

RANKING = Ranking(resamples=200)


@pytest.fixture(scope="module")
def two(fused):
    """The signal is in the image; the text is noise, and absent for every third video."""
    text = np.random.default_rng(9).normal(size=(len(fused.video_ids), 3)).astype(np.float32)
    text[::3] = 0
    return Vectors(fused.video_ids, np.hstack([fused.matrix, text]), {"image": 2, "text": 3})


@pytest.fixture(scope="module")
def work(task_of, two):
    return task_of(fused=two)


@pytest.fixture(scope="module")
def pooled(two):
    """The same, as a pooling strategy fuses it."""
    present = {name: Modality(two.block(name), two.block(name).any(axis=1)) for name in two.blocks}
    unit = load_fusion("concat")(present)
    joined = load_fusion("max_pool")(present, width=8)
    return Vectors(two.video_ids, joined.matrix, joined.blocks, Vectors(two.video_ids, unit.matrix, unit.blocks))


def test_what_a_family_needs_costs_much_to_leave_out_and_noise_costs_nothing(work):
    table = modality_ablation(work, [trial(work, "ridge")], run_id="r1", ranking=RANKING).table
    image, text = table.sort("without").to_dicts()
    assert (image["without"], text["without"]) == ("image", "text")
    assert image["test_gain_low"] > 0.2
    assert text["test_gain_low"] < 0.05 and text["test_gain"] == pytest.approx(0, abs=0.05)


def test_a_row_is_the_family_fitted_without_it_and_compared_on_the_same_videos(work):
    full = trial(work, "ridge", seed=7)
    found = modality_ablation(work, [full], run_id="r1", ranking=RANKING).table
    assert MODALITY_ABLATION.checked(found).equals(found)
    row = found.filter(without="image").to_dicts()[0]
    less = trial(task_without(work, "image"), "ridge", seed=7)
    rows, over = (each.predictions.filter(split="test") for each in (full, less))
    assert row["test_with"] == rmse_log(rows["y_true"].to_numpy(), rows["y_pred"].to_numpy())
    assert row["test_without"] == rmse_log(over["y_true"].to_numpy(), over["y_pred"].to_numpy())
    ours, theirs = (bootstrapped(METRICS["rmse_log"], each, resamples=200) for each in (rows, over))
    gain = ours.over(theirs)
    assert (row["test_gain"], row["test_gain_low"], row["test_gain_high"]) == tuple(gain)


def test_the_block_is_left_out_everywhere_and_nothing_else_is(work):
    less = task_without(work, "text")
    for part, videos in less.parts.items():
        assert dict(videos.fused.blocks) == {"image": 2}
        np.testing.assert_array_equal(videos.fused.matrix, work.parts[part].fused.matrix[:, :2])
        np.testing.assert_array_equal(videos.targets, work.parts[part].targets)
        assert videos.columns.equals(work.parts[part].columns)
    assert dict(less.later.fused.blocks) == {"image": 2}
    assert less.videos is work.videos and less.pairs is work.pairs


@pytest.mark.parametrize("strategy", ["sum_pool", "max_pool"])
def test_pooled_vectors_are_pooled_again_without_it(two, strategy):
    present = {name: Modality(two.block(name), two.block(name).any(axis=1)) for name in two.blocks}
    joined = load_fusion(strategy)(present, width=8)
    unit = load_fusion("concat")(present)
    fused = Vectors(two.video_ids, joined.matrix, joined.blocks, Vectors(two.video_ids, unit.matrix, unit.blocks))
    found = vectors_without(fused, "image", strategy)
    expected = load_fusion(strategy)({"text": present["text"]}, width=8)
    np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-6)
    assert dict(found.modalities.blocks) == {"text": 3}
    assert not found.matrix[::3].any()  # where the text is absent nothing is left


def test_a_pooled_task_is_ablated_as_a_concatenated_one(task_of, pooled):
    work = task_of(fused=pooled, cell=Cell("max_pool", 7))
    table = modality_ablation(work, [trial(work, "ridge")], run_id="r1", ranking=RANKING).table
    assert table["without"].to_list() == ["image", "text"]
    assert table["test_gain"][0] > table["test_gain"][1]


def test_baselines_and_an_ensemble_are_left_out_with_the_reason(work):
    trials = [trial(work, family) for family in ("ridge", "channel_mean")]
    found = modality_ablation(work, [*trials, ensemble_trial(trials)], run_id="r1", ranking=RANKING)
    assert set(found.table["model"]) == {"ridge"}
    assert found.left_out == {
        "channel_mean": "a baseline reads no vectors",
        "ensemble": "its members are ablated by themselves",
    }


def test_the_only_modality_is_left_out_with_the_reason(small_task):
    found = modality_ablation(small_task, [trial(small_task, "ridge")], run_id="r1", ranking=RANKING)
    assert found.table.is_empty()
    assert found.left_out == {"image": "it is the only modality: without it no vector is left"}


def test_where_it_is_not_known_what_was_pooled_no_modality_can_be_left_out(pooled):
    alone = replace(pooled, unfused=None)
    assert modalities_of(alone) == [] and modalities_of(pooled) == ["image", "text"]
    with pytest.raises(InvalidInput, match="must be one of several; got 'image' of none"):
        vectors_without(alone, "image", "max_pool")


def test_without_pairs_a_metric_of_pairs_has_no_gain(work):
    full = trial(work, "ridge")
    work = replace(work, pairs=work.pairs[:0], later=work.later.rows([]))
    without = replace(full, pair_predictions=full.pair_predictions[:0])
    table = modality_ablation(work, [without], run_id="r1", ranking=Ranking("pairwise_auc", resamples=50)).table
    assert table.height == 2 and table["test_gain"].null_count() == 2
