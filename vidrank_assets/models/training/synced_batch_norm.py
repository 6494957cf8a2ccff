"""Batch norm over the whole batch, also where several processes share it, on a GPU or on the CPU."""

from collections.abc import Mapping
from functools import cache
from typing import Any

Layers = Any
Tensor = Any


def synced_batch_norm(width: int) -> Layers:
    """An `nn.BatchNorm1d` for (n_own, width) whose statistics in training are those of all processes' rows together.

    torch's own SyncBatchNorm works on GPUs only. Every process must call it as often as the others, with at least one
    row among them; one row in all is centred, and leaves the running variance as it is. In evaluation mode, and in its
    stored weights, it is a plain BatchNorm1d. A linear layer before it should have no bias: batch norm takes it out
    again, so that its gradient is rounding alone, of which AdamW makes whole steps.
    Source: Ioffe & Szegedy 2015, Batch normalization; its gradient runs through the sums of all processes.
    """
    layer: Layers = _layer_type()(width)
    return layer


@cache
def _layer_type() -> Any:
    import torch
    from torch import nn

    class SyncedBatchNorm(nn.BatchNorm1d):
        def forward(self, rows: Tensor) -> Tensor:
            if not self.training:
                return super().forward(rows)
            with torch.autocast(rows.device.type, enabled=False):
                return self._normalised(rows.float())

        def _normalised(self, rows: Tensor) -> Tensor:
            ones = rows.new_ones(len(rows), 1)
            sums = _sum_over_processes(torch.cat([rows, ones], dim=1).sum(dim=0))
            n_rows = sums[-1].detach()
            mean = sums[:-1] / n_rows
            centred = rows - mean
            variance = _sum_over_processes((centred * centred).sum(dim=0)) / n_rows
            self._remember(mean.detach(), variance.detach(), n_rows)
            return centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias

        @torch.no_grad()
        def _remember(self, mean: Tensor, variance: Tensor, n_rows: Tensor) -> None:
            known: Mapping[str, Tensor] = dict(self.named_buffers())
            n_batches = known["num_batches_tracked"].add_(1)
            share = 1 / n_batches if self.momentum is None else self.momentum
            unbiased = variance * n_rows / (n_rows - 1).clamp(min=1)
            known["running_mean"].lerp_(mean, share)
            known["running_var"].lerp_(torch.where(n_rows > 1, unbiased, known["running_var"]), share)

    return SyncedBatchNorm


def _sum_over_processes(tensor: Tensor) -> Tensor:
    """The sum of all processes' tensors, with a gradient; the tensor itself where there is one process."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return tensor
    return _sum_type().apply(tensor)


@cache
def _sum_type() -> Any:
    import torch
    from torch import distributed

    class SumOverProcesses(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, tensor: Tensor) -> Tensor:
            total = tensor.clone()
            distributed.all_reduce(total)
            return total

        @staticmethod
        def backward(context: Any, gradient: Tensor) -> Tensor:
            return SumOverProcesses.forward(context, gradient)

    return SumOverProcesses
