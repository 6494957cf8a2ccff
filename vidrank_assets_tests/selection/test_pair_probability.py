import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidrank_assets.errors import InvalidInput
from vidrank_assets.selection.pair_probability import (
    PairProbability,
    calibration,
    fitted,
    reliability,
    wilson,
    winner_probability,
)


def pairs_of(difference, first_won, channel=None):
    n = len(difference)
    return pl.DataFrame(
        {
            "channel_id": [f"c{c}" for c in (np.arange(n) % 10 if channel is None else channel)],
            "target_a": np.asarray(first_won, np.float64),
            "target_b": 1 - np.asarray(first_won, np.float64),
            "score_a": np.asarray(difference, np.float64),
            "score_b": np.zeros(n),
        }
    )


def planted(n, *, slope=1.0, seed=0, n_channels=100):
    """Pairs whose first video wins with the logistic probability of the difference."""
    rng = np.random.default_rng(seed)
    difference = rng.normal(0, 1.4, n)
    won = rng.random(n) < 1 / (1 + np.exp(-slope * difference))
    return pairs_of(difference, won, np.arange(n) % n_channels)


EXACT = PairProbability((0.0, 1.0, 2.0), (0.5, 0.6, 0.8), (0.5, 0.5, 0.7), (0.5, 0.7, 0.9), 100, 10)
ANY_PAIRS = st.integers(20, 80).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.floats(-5, 5, width=32).filter(lambda d: d != 0)),
        hnp.arrays(np.bool_, n),
        hnp.arrays(np.int64, n, elements=st.integers(0, 7)).filter(lambda c: len(set(c)) >= 5),
    )
)


def test_between_known_differences_the_value_is_linear_and_the_ends_are_those_of_the_neighbours():
    told = EXACT.of(np.array([0.5, 1.0, 1.5, 2.0, 7.0]))
    np.testing.assert_allclose(told[0], [0.55, 0.5, 0.7])
    np.testing.assert_allclose(told[1], [0.6, 0.5, 0.7])
    np.testing.assert_allclose(told[2], [0.7, 0.5, 0.9])
    np.testing.assert_allclose(told[3:], [[0.8, 0.7, 0.9], [0.8, 0.7, 1.0]])


def test_the_other_side_has_the_other_probability_and_equal_scores_have_a_half():
    np.testing.assert_allclose(EXACT.of(np.array([-1.5])), [[0.3, 0.1, 0.5]])
    np.testing.assert_array_equal(EXACT.of(np.array([0.0, -0.0])), [[0.5, 0.5, 0.5]] * 2)


@settings(max_examples=40, deadline=None)
@given(ANY_PAIRS, hnp.arrays(np.float64, 12, elements=st.floats(-8, 8)))
def test_whatever_the_pairs_it_is_a_probability_that_is_symmetric_and_never_falls(drawn, asked):
    probability = fitted(pairs_of(*drawn), resamples=20)
    asked = np.sort(asked)
    told = probability.of(asked)
    assert ((told >= 0) & (told <= 1)).all()
    assert (told[:, 1] <= told[:, 0]).all() and (told[:, 0] <= told[:, 2]).all()
    np.testing.assert_allclose(probability.of(-asked), 1 - told[:, [0, 2, 1]], atol=1e-12)
    assert (np.diff(told, axis=0) >= -1e-12).all()


@settings(max_examples=25, deadline=None)
@given(ANY_PAIRS)
def test_who_is_named_first_changes_nothing(drawn):
    rows = pairs_of(*drawn)
    turned = rows.rename({"target_a": "target_b", "target_b": "target_a", "score_a": "score_b", "score_b": "score_a"})
    assert fitted(turned, resamples=20) == fitted(rows, resamples=20)


@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
def test_a_planted_logistic_is_recovered(slope):
    probability = fitted(planted(20_000, slope=slope), resamples=50)
    asked = np.linspace(-2.5, 2.5, 41)
    np.testing.assert_allclose(probability.of(asked)[:, 0], 1 / (1 + np.exp(-slope * asked)), atol=0.045)
    held = calibration(probability, planted(20_000, slope=slope, seed=1))
    assert held.calibration_error < 0.015
    assert held.brier < held.coin_brier and held.coin_calibration_error == pytest.approx(held.accuracy - 0.5)


def test_the_interval_covers_the_truth_and_is_wider_with_fewer_pairs():
    asked = np.array([0.3, 1.0, 2.0])
    truth = 1 / (1 + np.exp(-asked))
    many, few = (fitted(planted(n), resamples=200).of(asked) for n in (20_000, 400))
    assert (many[:, 1] <= truth).all() and (truth <= many[:, 2]).all()
    assert ((many[:, 2] - many[:, 1]) < (few[:, 2] - few[:, 1])).all()


def test_pairs_of_few_channels_say_less_than_as_many_of_many():
    """Channels differ in how right the score is: that is what a resample of channels sees."""
    n = 4000
    difference = np.ones(n) * np.where(np.arange(n) % 2, 1, -1)
    for n_channels in (8, 400):
        channel = np.arange(n) % n_channels
        right = np.random.default_rng(0).random(n) < np.where(channel % 4 < 2, 0.6, 0.95)
        low, high = fitted(pairs_of(difference, right == (difference > 0), channel), resamples=200).of(np.array([1.0]))[
            0, 1:
        ]
        assert (high - low > 0.15) == (n_channels == 8)


def test_a_score_that_is_always_right_is_never_said_to_be_certain():
    difference = np.linspace(0.1, 2, 20)
    assert fitted(pairs_of(difference, np.ones(20))).of(np.array([9.0]))[0, 0] == pytest.approx(21 / 22)


def test_a_score_that_is_always_wrong_is_a_coin():
    difference = np.linspace(0.1, 2, 200)
    probability = fitted(pairs_of(difference, np.zeros(200)))
    assert probability.of(np.array([0.5, 9]))[:, 0].tolist() == [0.5, 0.5]


def test_a_score_of_noise_seldom_has_an_interval_above_a_half():
    """A twentieth would be what 95 % allow, twice; isotonic intervals alone are above it four times in ten."""
    lows = [fitted(planted(600, slope=0, seed=seed, n_channels=20), resamples=100).low for seed in range(60)]
    assert sum(max(low) > 0.505 for low in lows) <= 6


def test_closer_scores_than_pairs_had_leave_a_half_within_the_interval():
    probability = fitted(planted(20_000, slope=3), resamples=100)
    value, low, high = probability.of(np.array([probability.difference[1] / 2]))[0]
    assert low == 0.5 <= value <= high


def test_ties_say_nothing():
    rows = planted(300)
    tied = rows.with_columns(score_b=pl.col("score_a")), rows.with_columns(target_b=pl.col("target_a"))
    assert fitted(pl.concat([rows, *tied]), resamples=20) == fitted(rows, resamples=20)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (pairs_of(np.ones(19), np.ones(19)), "there are 19 of 10"),
        (pairs_of(np.ones(50), np.ones(50), np.zeros(50, int)), "there are 50 of 1"),
        (pairs_of(np.zeros(50), np.ones(50)), "there are 0 of 0"),
    ],
)
def test_too_few_pairs_are_refused_with_what_was_found(rows, found):
    with pytest.raises(InvalidInput, match=found):
        fitted(rows)


def test_a_difference_that_is_no_number_is_refused():
    with pytest.raises(InvalidInput, match="NaN"):
        EXACT.of(np.array([0.0, np.nan]))


def test_it_is_kept_as_json_to_the_last_digit():
    probability = fitted(planted(500), resamples=20)
    assert PairProbability.of_json(json.loads(json.dumps(probability.as_json()))) == probability


def test_equal_pairs_and_seeds_give_equal_probabilities():
    assert fitted(planted(500), resamples=20) == fitted(planted(500), resamples=20)


def test_brier_and_calibration_error_by_hand():
    """Four pairs at 0.8, three of them right; two at ½."""
    rows = pairs_of([2, 2, 2, -2, 0, 0], [1, 1, 0, 0, 1, 0])
    held = calibration(EXACT, rows)
    assert held.n_pairs == 6
    assert held.brier == pytest.approx((3 * 0.2**2 + 0.8**2 + 2 * 0.25) / 6)
    assert held.calibration_error == pytest.approx((4 * abs(0.75 - 0.8) + 2 * 0) / 6)
    assert held.accuracy == pytest.approx((3 + 1) / 6)
    assert held.coin_calibration_error == pytest.approx(4 / 6 - 0.5)


def test_what_was_said_of_the_winner_leaves_out_pairs_without_one():
    rows = pairs_of([2, -2, 1], [1, 1, 1]).with_columns(target_b=pl.Series([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(winner_probability(EXACT, rows), [0.8, 0.2])
    with pytest.raises(InvalidInput, match="of 1 none has one"):
        winner_probability(EXACT, rows[2:])


def test_bins_of_reliability_count_every_pair_once():
    rows = reliability(np.array([0.5, 0.52, 0.47, 0.8, 1.0, 0.0]), n_bins=5)
    assert rows["pairs"].to_list() == [3, 1, 2]
    np.testing.assert_allclose(rows["said"], [(0.5 + 0.52 + 0.53) / 3, 0.8, 1.0])
    np.testing.assert_allclose(rows["won"], [(0.5 + 1 + 0) / 3, 1.0, 0.5])


def test_wilsons_interval_by_hand():
    """Half of 10: (0.5 + z²/20) / (1 + z²/10) ± … = 0.2366 to 0.7634; none of 10 ends at z²/10 / (1 + z²/10)."""
    np.testing.assert_allclose(
        wilson(np.array([0.5, 0.0]), np.array([10, 10])), [[0.23659, 0.76341], [0.0, 0.27753]], atol=1e-5
    )
