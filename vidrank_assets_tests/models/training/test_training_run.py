"""What the loop does, through `learned`, in one process and without a workplace."""

import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.training.learning import Plan, learned
from vidrank_assets.models.training.reproducible import generator
from vidrank_assets.models.training.training_run import TrainingRun
from vidrank_assets_tests.models.training.toy_objective import Toy

SHORT = {"max_epochs": 6, "batch_size": 40}


def fitted(toy=None, seed=1, **plan):
    return learned(toy or Toy(), Plan(**{**SHORT, **plan}), seed=seed, workplace=None)


@dataclass
class Scripted(Toy):
    """With the scores that a test wants; its layers' first weight after each epoch is kept."""

    scores: list = field(default_factory=list)
    weights: list = field(default_factory=list)

    def score(self, layers):
        self.weights.append(layers[0].weight.detach().clone())
        return self.scores[len(self.weights) - 1]


@dataclass
class Watched(Toy):
    """Keeps the batches it was given."""

    batches: list = field(default_factory=list)

    def losses(self, layers, batch):
        drawn = torch.rand(1, generator=batch.generator).item()
        self.batches.append((batch.whole.tolist(), batch.own, drawn))
        return super().losses(layers, batch)


def test_it_learns():
    curve = fitted(Toy(rate=3e-2), max_epochs=40).curve
    assert curve[-1].score > 0.3 * curve[0].score
    assert curve[-1].losses["squares"] < 0.4 * curve[0].losses["squares"]


def test_every_example_is_met_once_an_epoch_in_an_order_of_its_own_and_batches_differ_by_one_at_most():
    toy = Watched()
    fitted(toy, max_epochs=2, average_from=1.0)
    epochs = toy.batches[:6], toy.batches[6:]
    orders = [[example for whole, *_ in epoch for example in whole] for epoch in epochs]
    assert [sorted(order) for order in orders] == [list(range(203))] * 2
    assert orders[0] != orders[1]
    assert sorted(len(whole) for whole, *_ in epochs[0]) == [33, 34, 34, 34, 34, 34]


def test_pieces_of_a_batch_cover_it_and_draw_the_same_for_mixup():
    toy = Watched(n_examples=7)
    fitted(toy, max_epochs=1, accumulate=3, average_from=1.0)
    [whole] = {tuple(whole) for whole, *_ in toy.batches}
    assert [whole[own] for _, own, _ in toy.batches] == [whole[:2], whole[2:4], whole[4:]]
    assert len({drawn for *_, drawn in toy.batches}) == 1


def test_there_are_no_more_pieces_than_examples():
    toy = Watched(n_examples=2)
    fitted(toy, max_epochs=1, accumulate=5, average_from=1.0)
    assert [own for _, own, _ in toy.batches] == [slice(0, 1), slice(1, 2)]


def test_what_mixup_draws_is_not_what_the_order_was_drawn_from():
    toy = Watched()
    fitted(toy, max_epochs=1, average_from=1.0)
    orders = torch.rand(1, generator=generator(1, 1)).item()
    assert orders not in [drawn for *_, drawn in toy.batches]


def test_accumulated_gradients_are_those_of_the_whole_batch():
    """Batch norm apart, which sees a piece at a time."""
    whole, pieces = fitted(Toy(norm=False)), fitted(Toy(norm=False), accumulate=3)
    for one, other in zip(whole.curve, pieces.curve, strict=True):
        assert other.losses == pytest.approx(one.losses, rel=1e-5)
        assert other.score == pytest.approx(one.score, rel=1e-5)


def test_the_reported_loss_is_the_mean_over_examples_of_each_term():
    toy = Toy(norm=False, mixup=0.0, rate=1e-30)
    result = fitted(toy, max_epochs=1)
    found = result.layers(toy.numbers[:203]).squeeze(1).detach()
    expected = {"squares": float(((found - toy.target[:203]) ** 2).mean()), "size": float(0.01 * found.abs().mean())}
    assert result.curve[0].losses == pytest.approx(expected, rel=1e-5)


def test_gradients_are_clipped():
    """A clip far below AdamW's epsilon leaves nothing to learn from."""
    clipped, free = (fitted(gradient_clip=clip).curve for clip in (1e-12, 1.0))
    assert clipped[0].losses["squares"] == pytest.approx(clipped[-1].losses["squares"], rel=0.03)
    assert free[-1].losses["squares"] < 0.97 * free[0].losses["squares"]


def test_rates_fall_until_averaging_and_are_constant_after_it():
    rates = np.array([epoch.rates for epoch in fitted(max_epochs=8, average_from=0.5).curve])
    np.testing.assert_allclose(rates[:, 1], 2 * rates[:, 0])
    np.testing.assert_allclose(rates[:, 1], 1e-2 * np.array([0.868198, 0.55, 0.231802, *[0.1] * 5]), rtol=1e-5)


def test_training_stops_when_patience_is_over_and_the_best_epoch_is_kept():
    toy = Scripted(scores=[0.5, 0.7, 0.6, 0.7, 0.1, 0.9])
    result = fitted(toy, patience=3, max_epochs=50)
    assert [epoch.number for epoch in result.curve] == [1, 2, 3, 4, 5]
    assert (result.facts["best_epoch"], result.facts["score"], result.facts["averaged"]) == (2, 0.7, 0)
    assert torch.equal(result.layers[0].weight, toy.weights[1])


@pytest.mark.parametrize(("of_mean", "averaged"), [(0.8, 1), (0.7, 1), (0.69, 0), (math.nan, 0)])
def test_averaged_weights_are_kept_where_they_score_no_lower_than_the_best_epoch(of_mean, averaged):
    toy = Scripted(scores=[0.5, 0.7, 0.6, 0.6, of_mean])
    result = fitted(toy, max_epochs=4, average_from=0.5)
    assert result.facts["averaged"] == averaged
    assert result.facts["score"] == (of_mean if averaged else 0.7)
    mean = (toy.weights[2] + toy.weights[3]) / 2
    torch.testing.assert_close(result.layers[0].weight, mean if averaged else toy.weights[1])


def test_batch_norm_of_averaged_weights_has_the_statistics_of_these_weights():
    toy = Scripted(mixup=0.0, scores=[0.1, 0.1, 0.1, 0.1, 0.9])
    layers = fitted(toy, max_epochs=4, batch_size=500).layers
    found = layers[0](toy.numbers[:203])
    torch.testing.assert_close(layers[1].running_mean, found.mean(dim=0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layers[1].running_var, found.var(dim=0), rtol=1e-4, atol=1e-5)


def test_a_training_that_never_had_a_number_names_what_was_set():
    with pytest.raises(InvalidInput, match=r"batch_size=40.*Lower the learning rate"):
        fitted(Toy(rate=1e30))


@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_an_epoch_whose_score_is_no_number_is_the_last_and_the_best_before_it_is_kept(nothing):
    toy = Scripted(scores=[0.5, 0.4, nothing])
    result = fitted(toy)
    assert [epoch.score for epoch in result.curve] == [0.5, 0.4]
    assert result.facts["best_epoch"] == 1 and torch.equal(result.layers[0].weight, toy.weights[0])


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    first, same, other = (fitted(Toy(dropout=0.2), seed=seed) for seed in (1, 1, 2))
    assert first.curve == same.curve != other.curve
    for one, another in zip(first.layers.parameters(), same.layers.parameters(), strict=True):
        assert torch.equal(one, another)


@pytest.mark.parametrize("n_examples", [1, 2, 41])
def test_any_number_of_examples_is_enough(n_examples):
    assert math.isfinite(fitted(Toy(n_examples=n_examples)).facts["score"])


def test_a_part_of_the_layers_without_a_part_in_the_loss_stays_as_it_was():
    class Spare(Toy):
        def layers(self):
            return torch.nn.Sequential(*super().layers(), torch.nn.Linear(1, 1))

        def losses(self, layers, batch):
            return super().losses(layers[:5], batch)

        def score(self, layers):
            return super().score(layers[:5])

    spare = Spare()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        expected = spare.layers()[5].weight
    assert torch.equal(fitted(spare).layers[5].weight, expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="bf16 is for GPUs")
def test_the_cpu_trains_in_float32_whatever_is_asked():
    assert fitted(precision="bf16").curve == fitted().curve


def test_a_batch_with_fewer_examples_than_processes_is_refused():
    two = SimpleNamespace(num_processes=2)
    with pytest.raises(InvalidInput, match="2 processes share 5 examples in 5 batches"):
        TrainingRun(Toy(n_examples=5), Plan(batch_size=1), seed=1, accelerator=two)


def test_others_find_torch_as_they_left_it():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    was = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_default_dtype()
    fitted(max_epochs=1)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_default_dtype()) == was
    assert torch.equal(torch.rand(3), expected)
