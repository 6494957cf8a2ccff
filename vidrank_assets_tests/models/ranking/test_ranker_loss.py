import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.models.ranking.ranker_loss import distance, distance_loss, mixup, ranking_loss, squared_error
from vidrank_assets.models.training.reproducible import generator

scores = st.floats(-2, 2).map(lambda value: torch.tensor([value], dtype=torch.float64))


@pytest.mark.parametrize(
    ("winner", "loser", "loss"),
    [
        (0.3, 0.0, 0.075 * 0.4),  # in order and beyond the margin: only the label that is smoothed away costs
        (0.0, 0.0, 0.1),
        (0.0, 0.3, 0.925 * 0.4),
        (0.05, 0.0, 0.925 * 0.05 + 0.075 * 0.15),
    ],
)
def test_the_ranking_loss_is_a_mixture_of_both_outcomes(winner, loser, loss):
    found = ranking_loss(torch.tensor([winner]), torch.tensor([loser]), margin=0.1, smoothing=0.15)
    assert found.tolist() == pytest.approx([loss])


@given(scores, scores)
def test_without_smoothing_it_is_the_margin_ranking_loss(winner, loser):
    expected = torch.nn.functional.margin_ranking_loss(winner, loser, torch.ones(1), margin=0.1)
    assert float(ranking_loss(winner, loser, margin=0.1, smoothing=0)) == pytest.approx(float(expected))


def test_smoothed_labels_draw_together_what_is_further_apart_than_the_margin():
    apart = torch.linspace(-1, 1, 201, dtype=torch.float64)
    losses = ranking_loss(apart, torch.zeros(201), margin=0.1, smoothing=0.15)
    assert float(apart[losses.argmin()]) == pytest.approx(0.1)


def test_how_far_apart_a_pair_ended_is_the_log_of_how_many_times_as_much():
    margins = 1 - 1 / np.array([1, 2, 10, 100, 1e6])
    assert distance(margins).tolist() == pytest.approx(np.log([1, 2, 10, 100, 100]).tolist())
    assert np.isfinite(distance(np.array([1.0]))).all()


def test_the_distance_that_costs_nothing_is_the_one_at_which_the_pair_ended():
    assert distance_loss(torch.tensor([2.0, 0.0]), torch.tensor([1.5, 0.5]), torch.tensor([0.5, 0.5])).tolist() == [
        0,
        1,
    ]


def test_an_error_is_the_mean_over_what_there_is_of_an_example():
    predicted = torch.tensor([[[0.0, 1.0], [0.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]]])
    target = torch.tensor([[[1.0, 1.0], [0.0, 2.0]], [[0.5, 0.5], [0.5, 0.5]]])
    assert squared_error(predicted, target).tolist() == [1.25, 0.0]


def test_what_is_not_known_costs_nothing_and_teaches_nothing():
    predicted = torch.tensor([[0.25, 0.5], [0.75, 0.5]], requires_grad=True)
    found = squared_error(predicted, torch.tensor([[np.nan, np.nan], [0.25, np.nan]]))
    found.sum().backward()
    assert found.tolist() == [0.0, 0.125]
    assert predicted.grad.tolist() == [[0.0, 0.0], [0.5, 0.0]]


def test_every_example_of_the_whole_batch_is_a_partner_once():
    mixing = mixup(20, slice(0, 20), generator(1), alpha=0.3)
    assert sorted(mixing.partner.tolist()) == list(range(20))
    assert 0 <= float(mixing.share.min()) <= float(mixing.share.max()) <= 1


def test_a_share_of_a_batch_is_mixed_as_it_is_in_the_whole():
    whole, part = (mixup(20, own, generator(7), alpha=0.3) for own in (slice(0, 20), slice(5, 12)))
    assert whole.partner[5:12].tolist() == part.partner.tolist()
    assert whole.share[5:12].tolist() == part.share.tolist()


def test_shares_are_of_the_beta_distribution():
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1)): 0.15625 at 0.3; errors of 0.003 and 0.0015 in 20,000 draws."""
    share = mixup(20_000, slice(None), generator(3), alpha=0.3).share
    assert float(share.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(share.var()) == pytest.approx(0.15625, abs=0.005)


def test_without_alpha_nothing_is_mixed():
    mixing = mixup(4, slice(1, 3), generator(1), alpha=0)
    own = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert mixing.of(own, own + 100).tolist() == own.tolist()


@given(st.floats(0, 1), st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2))
def test_mixing_squared_errors_differs_from_mixing_targets_by_what_no_prediction_changes(share, own, partner, found):
    mixed_errors = share * (found - own) ** 2 + (1 - share) * (found - partner) ** 2
    of_mixed_target = (found - share * own - (1 - share) * partner) ** 2
    assert mixed_errors - of_mixed_target == pytest.approx(share * (1 - share) * (own - partner) ** 2, abs=1e-9)
