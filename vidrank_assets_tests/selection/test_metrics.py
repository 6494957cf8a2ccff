import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from vidrank_assets.errors import InvalidInput, NoPairs
from vidrank_assets.selection.metrics import (
    METRICS,
    mae_log,
    mae_raw,
    pairwise_auc,
    r2_log,
    rmse_log,
    rmse_raw,
    spearman,
)

RNG = np.random.default_rng(0)
TARGET = RNG.normal(8, 2, 200).round(1)
PREDICTED = (TARGET + RNG.normal(0, 1, 200)).round(1)


def test_metrics_agree_with_those_of_scikit_learn_and_scipy():
    assert rmse_log(TARGET, PREDICTED) == pytest.approx(sk.root_mean_squared_error(TARGET, PREDICTED))
    assert mae_log(TARGET, PREDICTED) == pytest.approx(sk.mean_absolute_error(TARGET, PREDICTED))
    assert r2_log(TARGET, PREDICTED) == pytest.approx(sk.r2_score(TARGET, PREDICTED))
    assert spearman(TARGET, PREDICTED) == pytest.approx(stats.spearmanr(TARGET, PREDICTED).statistic)
    views, predicted_views = np.expm1(TARGET), np.expm1(PREDICTED)
    assert rmse_raw(TARGET, PREDICTED) == pytest.approx(sk.root_mean_squared_error(views, predicted_views))
    assert mae_raw(TARGET, PREDICTED) == pytest.approx(sk.mean_absolute_error(views, predicted_views))


def test_three_videos_worked_by_hand():
    target, predicted = np.log1p([0.0, 1.0, 3.0]), np.log1p([1.0, 1.0, 1.0])
    # on the log scale the errors are ln 2, 0 and ln 2; in views 1, 0 and 2
    assert rmse_log(target, predicted) == pytest.approx(np.log(2) * np.sqrt(2 / 3))
    assert mae_log(target, predicted) == pytest.approx(np.log(2) * 2 / 3)
    assert rmse_raw(target, predicted) == pytest.approx(np.sqrt(5 / 3))
    assert mae_raw(target, predicted) == pytest.approx(1)


def test_a_constant_prediction_explains_nothing_and_has_no_rank_correlation():
    constant = np.full(200, TARGET.mean())
    assert r2_log(TARGET, constant) == pytest.approx(0, abs=1e-12)
    assert np.isnan(spearman(TARGET, constant))
    assert np.isnan(r2_log(constant, TARGET))


def test_pairs_worked_by_hand():
    # right, wrong, a tie in score, and a tie in target that makes no pair: (1 + 0 + 1/2) / 3
    auc = pairwise_auc(
        np.array([2.0, 2, 1, 5]), np.array([1.0, 3, 2, 5]), np.array([9.0, 9, 4, 1]), np.array([8.0, 8, 4, 0])
    )
    assert auc == pytest.approx(0.5)


def test_over_all_pairs_of_two_classes_it_is_the_area_under_the_roc_curve():
    label, score = RNG.integers(0, 2, 60).astype(float), RNG.normal(size=60).round(1)
    a, b = np.triu_indices(60, k=1)
    assert pairwise_auc(label[a], label[b], score[a], score[b]) == pytest.approx(sk.roc_auc_score(label, score))


def test_within_channels_it_is_their_roc_areas_weighted_by_their_pairs():
    label, score, channel = RNG.integers(0, 2, 90).astype(float), RNG.normal(size=90).round(1), np.arange(90) % 4
    a, b = np.triu_indices(90, k=1)
    same = channel[a] == channel[b]
    areas = [sk.roc_auc_score(label[channel == c], score[channel == c]) for c in range(4)]
    n_pairs = [np.prod(np.bincount(label[channel == c].astype(int))) for c in range(4)]
    auc = pairwise_auc(label[a[same]], label[b[same]], score[a[same]], score[b[same]])
    assert auc == pytest.approx(np.average(areas, weights=n_pairs))


def test_over_all_pairs_of_graded_targets_it_is_half_of_one_plus_somers_d():
    target, score = RNG.integers(0, 5, 60).astype(float), RNG.normal(size=60).round(0)  # ties on both sides
    a, b = np.triu_indices(60, k=1)
    auc = pairwise_auc(target[a], target[b], score[a], score[b])
    assert auc == pytest.approx((1 + stats.somersd(target, score).statistic) / 2)


columns = st.lists(st.tuples(*[st.integers(-3, 3)] * 4), min_size=1).filter(
    lambda rows: any(r[0] != r[1] for r in rows)
)


@given(columns)
def test_turning_the_score_round_or_the_sides_of_the_pairs_mirrors_the_auc(rows):
    target_a, target_b, score_a, score_b = np.array(rows, float).T
    auc = pairwise_auc(target_a, target_b, score_a, score_b)
    assert pairwise_auc(target_b, target_a, score_b, score_a) == pytest.approx(auc)
    assert pairwise_auc(target_a, target_b, -score_a, -score_b) == pytest.approx(1 - auc)


def test_pairs_with_equal_targets_are_refused():
    with pytest.raises(NoPairs, match="all 2 are equal"):
        pairwise_auc(np.ones(2), np.ones(2), np.ones(2), np.zeros(2))


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.of == "videos"])
def test_columns_that_don_t_fit_together_are_refused(name):
    with pytest.raises(InvalidInput, match="columns of one length"):
        METRICS[name].value(np.zeros(3), np.zeros(2))
    with pytest.raises(InvalidInput, match="at least one row"):
        METRICS[name].value(np.zeros(0), np.zeros(0))


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.of == "videos"])
def test_a_metric_is_listed_under_its_printed_name_and_in_its_direction(name):
    metric = METRICS[name]
    assert metric.name == name
    better, worse = metric.value(TARGET, TARGET), metric.value(TARGET, PREDICTED)
    assert metric.sign * better > metric.sign * worse
