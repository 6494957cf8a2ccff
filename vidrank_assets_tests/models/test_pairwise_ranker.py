from dataclasses import replace

import numpy as np
import pytest

from vidrank_assets.errors import InvalidInput, NotFitted
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.channel_mean import ChannelMean
from vidrank_assets.models.pairwise_ranker import EVENTS, PairwiseRanker
from vidrank_assets.models.ranking.ranking_regressor import share_in_order

FEW = {"max_epochs": 3}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("workplace")


@pytest.fixture(scope="module")
def fitted(train, val, workplace):
    return PairwiseRanker(**FEW).fit(train, val, workplace=workplace)


def test_it_finds_out_which_video_wins(fitted, val):
    assert share_in_order(val.comparisons, fitted.heads(val.modalities).score) > 0.9


def test_scores_are_those_of_the_head_over_the_mean_of_the_channel(fitted, train, val):
    over = fitted.scores(val) - ChannelMean().fit(train, val).predict(val)
    np.testing.assert_allclose(over, fitted.heads(val.modalities).score, atol=1e-9)


def test_a_difference_of_scores_is_one_of_log_views(fitted, val):
    a, b = fitted.heads(val.modalities).score[val.comparisons.pairs].T
    ended = val.targets[val.comparisons.pairs]
    assert np.polyfit(a - b, ended[:, 0] - ended[:, 1], 1)[0] == pytest.approx(1, abs=0.1)


def test_predictions_never_fall_where_the_score_rises(fitted, train, val):
    score = fitted.heads(val.modalities).score
    over = fitted.predict(val) - ChannelMean().fit(train, val).predict(val)
    assert np.diff(over[np.argsort(score)]).min() >= -1e-9


def test_heads_need_no_more_than_vectors_and_stay_within_their_bounds(fitted, val):
    score, ctr, sub_scores = fitted.heads(val.modalities)
    assert (score.shape, ctr.shape, sub_scores.shape) == ((120,), (120,), (120, 6))
    assert ctr.min() > 0 and ctr.max() < 1 and sub_scores.min() > 0 and sub_scores.max() < 1


def test_a_video_has_the_same_heads_alone_as_among_others(fitted, val):
    among, alone = fitted.heads(val.modalities), fitted.heads(val.modalities.rows([7]))
    for all_of_them, one in zip(among, alone, strict=True):
        np.testing.assert_allclose(one[0], all_of_them[7], rtol=1e-12)


def test_heads_of_other_blocks_are_refused(fitted, val):
    other = Vectors(val.video_ids, val.fused.matrix, {"image": 5, "text": 5})
    with pytest.raises(InvalidInput, match="must have the blocks that pairwise_ranker was fitted on"):
        fitted.heads(other)


def test_heads_of_an_unfitted_ranker_are_an_error(val):
    with pytest.raises(NotFitted, match="must be fitted before it scores"):
        PairwiseRanker().heads(val.modalities)


def test_its_findings_say_what_it_learned_from_and_how_well_it_orders_val(fitted, train, val):
    facts = fitted.findings.facts
    assert facts["n_pairs"] == len(train.comparisons.pairs) and facts["n_pairs_by_ctr"] == 0
    found = share_in_order(val.comparisons, fitted.heads(val.modalities).score)
    assert facts["val_pairwise_auc"] == pytest.approx(found, abs=0.01)
    assert {"device", "best_epoch", "averaged"} <= set(facts)


def test_its_curve_is_the_error_of_saying_who_won(fitted):
    curve = fitted.findings.curve
    assert [step.number for step in curve] == [1, 2, 3]
    assert min(step.val_rmse for step in curve) >= np.sqrt(1 - fitted.findings.facts["val_pairwise_auc"]) - 1e-9


def test_pairs_that_ctr_judged_are_counted(train, val):
    judged = replace(train.comparisons, judged_by_ctr=np.arange(len(train.comparisons.pairs)) < 7)
    fitted = PairwiseRanker(max_epochs=1).fit(replace(train, comparisons=judged), val)
    assert fitted.findings.facts["n_pairs_by_ctr"] == 7


def test_event_files_of_the_training_are_stored_with_it(fitted, tmp_path):
    fitted.save(tmp_path)
    assert list((tmp_path / EVENTS).iterdir())


def test_a_training_that_is_over_is_not_repeated(fitted, train, val, workplace):
    again = PairwiseRanker(**FEW).fit(train, val, workplace=workplace)
    assert again.findings.facts["resumed_from_epoch"] == 3
    np.testing.assert_array_equal(again.scores(val), fitted.scores(val))


def test_a_loaded_ranker_has_the_same_heads_to_the_bit_and_no_findings(fitted, val, tmp_path):
    fitted.save(tmp_path)
    loaded = PairwiseRanker.load(tmp_path)
    for mine, theirs in zip(fitted.heads(val.modalities), loaded.heads(val.modalities), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not loaded.findings.facts


def test_it_never_reads_metadata_but_the_mean_of_the_channel(fitted, val):
    other = val.columns.with_columns(title_length=val.columns["title_length"].reverse())
    np.testing.assert_array_equal(fitted.scores(replace(val, columns=other)), fitted.scores(val))


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"label_smoothing": 1}, {"mixup": -1}, {"ctr_weight": -1}])
def test_what_may_not_be_set_is_refused_by_name(wrong):
    with pytest.raises(InvalidInput, match=f"found {next(iter(wrong))}"):
        PairwiseRanker(**wrong)
