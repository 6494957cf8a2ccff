import pytest
import torch

from vidrank_assets.models.training.learning_rates import cosine_then_constant, share


def test_the_share_falls_along_a_cosine_to_a_tenth_and_stays():
    shares = [share(step, 4) for step in range(7)]
    assert shares == pytest.approx([1, 0.1 + 0.9 * 0.853553, 0.55, 0.1 + 0.9 * 0.146447, 0.1, 0.1, 0.1], abs=1e-6)


def test_without_a_step_to_fall_in_the_rate_begins_whole():
    assert [share(0, 0), share(1, 0)] == [1.0, pytest.approx(0.1)]


def test_every_group_keeps_its_own_rate():
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimiser = torch.optim.SGD([{"params": [weights[0]], "lr": 1.0}, {"params": [weights[1]], "lr": 0.01}])
    schedule = cosine_then_constant(optimiser, n_steps=2)
    for expected in ([1.0, 0.01], [0.55, 0.0055], [0.1, 0.001]):
        assert schedule.get_last_lr() == pytest.approx(expected)
        optimiser.step()
        schedule.step()
