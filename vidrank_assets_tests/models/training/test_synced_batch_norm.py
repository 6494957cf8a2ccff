import pytest
import torch
from torch import nn

from vidrank_assets.models.training.synced_batch_norm import synced_batch_norm


def rows(n_rows, width=5):
    return torch.randn(n_rows, width, generator=torch.Generator().manual_seed(n_rows)) * 3 + 2


def both(momentum=0.1):
    plain, synced = nn.BatchNorm1d(5, momentum=momentum), synced_batch_norm(5)
    synced.momentum = momentum
    for layer in (plain, synced):
        nn.init.uniform_(layer.weight, 0.5, 1.5, generator=torch.Generator().manual_seed(1))
        nn.init.uniform_(layer.bias, generator=torch.Generator().manual_seed(2))
    return plain, synced


@pytest.mark.parametrize("momentum", [0.1, None])
def test_one_process_gets_what_torch_gets_in_training_and_after_it(momentum):
    plain, synced = both(momentum)
    for n_rows in (8, 30, 2):
        torch.testing.assert_close(synced(rows(n_rows)), plain(rows(n_rows)))
    assert synced.state_dict().keys() == plain.state_dict().keys()
    for name, expected in plain.state_dict().items():
        torch.testing.assert_close(synced.state_dict()[name], expected)
    torch.testing.assert_close(synced.eval()(rows(4)), plain.eval()(rows(4)))


def test_gradients_are_those_of_torch():
    gradients = []
    for layer in both():
        inputs = rows(7).requires_grad_()
        (layer(inputs) ** 3).sum().backward()
        gradients.append([inputs.grad, layer.weight.grad, layer.bias.grad])
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_one_row_is_its_own_mean_and_has_no_variance():
    _, synced = both()
    torch.testing.assert_close(synced(rows(1)), synced.bias[None])
    assert torch.equal(synced.running_var, torch.ones(5))


def test_rows_of_less_precision_are_counted_in_float32():
    plain, synced = both()
    found = synced(rows(20).bfloat16())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, plain(rows(20).bfloat16().float()))


def test_a_copy_of_layers_has_its_own_statistics():
    from copy import deepcopy

    _, synced = both()
    copied = deepcopy(synced)
    synced(rows(10))
    assert copied.num_batches_tracked == 0
