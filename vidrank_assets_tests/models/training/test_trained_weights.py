import pytest
import torch
from torch import nn

from vidrank_assets.models.training.trained_weights import AveragedWeights, restore_weights, weights_of


def layers(weight, statistic=0.0):
    made = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1, affine=False))
    nn.init.constant_(made[0].weight, weight)
    made[1].running_mean.fill_(statistic)
    return made


def test_what_training_changes_is_copied_and_put_back():
    made = layers(3.0, statistic=4.0)
    copied = weights_of(made)
    nn.init.zeros_(made[0].weight)
    made[1].running_mean.zero_()
    restore_weights(made, copied)
    assert (made[0].weight.item(), made[1].running_mean.item()) == (3.0, 4.0)


def test_frozen_parameters_are_neither_copied_nor_changed():
    made = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    made[0].requires_grad_(False)
    copied = weights_of(made)
    assert set(copied) == {"1.weight", "1.bias"}
    nn.init.constant_(made[0].weight, 8.0)
    restore_weights(made, copied)
    assert made[0].weight.item() == 8.0


def test_the_mean_is_of_what_was_added_and_of_nothing_else():
    averaged = AveragedWeights(layers(100.0))
    for weight in (1.0, 2.0, 6.0):
        averaged.add(layers(weight))
    assert averaged.layers[0].weight.item() == pytest.approx(3.0)


def test_a_restored_mean_goes_on_to_the_same_bits():
    whole, parted = AveragedWeights(layers(0.0)), AveragedWeights(layers(0.0))
    for weight in (0.1, 0.7):
        whole.add(layers(weight))
        parted.add(layers(weight))
    parted = AveragedWeights.of(layers(5.0), parted.state())
    for each in (whole, parted):
        each.add(layers(1.3))
    assert torch.equal(whole.layers[0].weight, parted.layers[0].weight)


def test_statistics_of_batch_norm_are_those_of_the_mean_weights():
    averaged = AveragedWeights(layers(0.0))
    for weight in (1.0, 3.0):
        averaged.add(layers(weight, statistic=99.0))
    rows = torch.tensor([[1.0], [2.0], [6.0]])
    averaged.refresh(averaged.layers, [rows, rows + 2])
    assert averaged.layers[1].running_mean.item() == pytest.approx(2 * (3 + 5) / 2)
