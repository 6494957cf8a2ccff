import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.pair_probability import PairProbability
from vidrank_assets.selection.variants import ranked


def sure(*, spread=0.0):
    """The logistic of the difference, the interval's ends so far from it."""
    at = np.linspace(0, 8, 81)
    value = 1 / (1 + np.exp(-at))
    ends = np.maximum(value - spread, 0.5), np.minimum(value + spread, 1)
    return PairProbability(tuple(at), tuple(value), tuple(ends[0]), tuple(ends[1]), 1000, 50)


SCORES = st.lists(st.floats(-3, 3).map(lambda score: round(score, 3)), min_size=2, max_size=10)


def test_of_two_variants_each_is_best_as_often_as_it_wins_the_pair():
    told = ranked([1.0, 0.0], sure())
    np.testing.assert_allclose(told.best, [0.7310586, 0.2689414], atol=1e-6)
    assert told.place.tolist() == [1, 2]
    assert told.over_second.value == pytest.approx(0.7310586)


def test_pairs_that_follow_bradley_and_terry_give_their_strengths():
    """With logistic pairs the strengths are the exponentials of the scores."""
    scores = np.array([0.0, 0.5, 1.2, -0.7])
    np.testing.assert_allclose(ranked(scores, sure()).best, np.exp(scores) / np.exp(scores).sum(), atol=2e-3)


@settings(max_examples=80, deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_whatever_the_scores_the_probabilities_sum_to_one_and_follow_them_in_any_order(scores, random):
    told = ranked(scores, sure())
    assert told.best.sum() == pytest.approx(1)
    assert (told.best > 0).all()
    by_score = np.argsort(scores)
    assert (np.diff(told.best[by_score]) >= -1e-9).all()
    turned = list(range(len(scores)))
    random.shuffle(turned)
    again = ranked([scores[i] for i in turned], sure())
    np.testing.assert_array_equal(again.best, told.best[turned])
    np.testing.assert_array_equal(again.place, told.place[turned])
    assert again.over_second == told.over_second


@settings(max_examples=40, deadline=None)
@given(SCORES)
def test_variants_of_one_score_tie_and_the_best_two_of_them_are_too_close_to_call(scores):
    told = ranked([*scores[:8], max(scores), max(scores)], sure())
    assert told.best[-1] == told.best[-2] and told.place[-1] == told.place[-2] == 1
    assert told.over_second == (0.5, 0.5, 0.5) and told.is_close


def test_a_variant_more_takes_from_every_other():
    two, three = ranked([1.0, 0.0], sure()), ranked([1.0, 0.0, 0.0], sure())
    assert (three.best[:2] < two.best).all() and three.best[1] == three.best[2]


@pytest.mark.parametrize(("spread", "is_close"), [(0.1, False), (0.227, True), (0.3, True)])
def test_a_winner_is_too_close_to_call_when_its_interval_reaches_a_half_to_the_percent(spread, is_close):
    assert ranked([1.0, 0.0, -3.0], sure(spread=spread)).is_close == is_close  # 0.731, so that 0.227 leaves 0.504


@pytest.mark.parametrize("scores", [[1.0], [0.0] * 11, [1.0, float("nan")]])
def test_one_variant_eleven_or_one_without_a_score_are_refused(scores):
    with pytest.raises(InvalidInput, match="2 to 10 variants"):
        ranked(scores, sure())
