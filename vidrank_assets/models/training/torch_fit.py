"""The one training loop of the nets that learn rows by squared error."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.base import Parameters, Step, Vector
from vidrank_assets.models.training.reproducible import reproducible, threads, threads_for

#: What a net reads of some videos: by name, one row a video each.
Arrays = Mapping[str, NDArray[Any]]
#: torch's own types; torch is imported only where it runs.
Tensor = Any
Layers = Any
Tensors = Mapping[str, Tensor]
Forward = Callable[[Layers, Tensors], Tensor]

_ROWS_PER_PREDICTION = 4_096

#: Below this targets are all the same, but for rounding.
_LEAST_DEVIATION = 1e-6


class Training(Parameters):
    """What may be set of a net's training."""

    max_epochs: int = Field(40, ge=1, description="times that training goes over all rows, at most")
    patience: int = Field(6, ge=1, description="epochs without a better RMSE on val after which training stops")
    batch_size: int = Field(64, ge=1, description="rows per step of the optimiser")
    learning_rate: float = Field(1e-3, gt=0, description="step size of AdamW")
    weight_decay: float = Field(1e-2, ge=0, description="share of step size by which AdamW shrinks weights")
    gradient_clip: float = Field(1.0, gt=0, description="largest norm of a step's gradient")


class Net:
    """Layers, and how a batch runs through them to one output a row.

    Trained in float32 on the GPU when there is one. Used in float64 on the CPU, whatever it was trained on: so a row's
    output depends neither on the rows beside it nor on the machine's matrix kernels beyond the last few bits.
    """

    def __init__(self, build: Callable[[], Layers], forward: Forward) -> None:
        """build: makes the layers, with random weights. forward: (n_rows,) of layers and inputs."""
        self._build, self._forward = build, forward
        self.curve: list[Step] = []
        self.facts: dict[str, str | int] = {}

    def fit(
        self,
        train: Arrays,
        target: Vector,
        *,
        val: Arrays,
        val_target: Vector,
        training: Training,
        seed: int,
    ) -> None:
        """Learn `target`, (n_rows,), by squared error; the weights of the epoch that is best on val are kept.

        The same seed and rows give the same weights to the bit on one machine with one number of threads.
        Raises InvalidInput: not even after one epoch is the error a number.
        Source of the optimiser: Loshchilov & Hutter 2019, Decoupled weight decay regularization.
        """
        with reproducible(seed, n_threads=threads_for(len(target))) as device:
            layers = self._build()
            # The net learns targets of mean 0 and variance 1: its weights begin at that size.
            deviation = float(target.std())
            self._centre, self._scale = float(target.mean()), deviation if deviation > _LEAST_DEVIATION else 1.0
            standard = [(part - self._centre) / self._scale for part in (target, val_target)]
            loop = _Loop(layers.to(device), self._forward, training)
            steps = loop.run(_on(device, train, standard[0]), _on(device, val, standard[1]))
            self.facts = {"device": str(device), "best_epoch": loop.best_epoch}
        self.curve = [Step(epoch, self._scale * fit, self._scale * held_out) for epoch, fit, held_out in steps]
        self._layers = layers.cpu().double().eval()

    def predict(self, inputs: Arrays) -> Vector:
        """(n_rows,), in the unit of the target."""
        return self.apply(self._forward, inputs) * self._scale + self._centre

    def apply(self, forward: Forward, inputs: Arrays) -> Vector:
        """(n_rows, …): what another function makes of the fitted layers, batch by batch."""
        import torch

        n_rows = len(next(iter(inputs.values())))
        with threads(threads_for(n_rows)), torch.inference_mode():
            parts = [
                forward(self._layers, _doubles(inputs, slice(start, start + _ROWS_PER_PREDICTION)))
                for start in range(0, max(n_rows, 1), _ROWS_PER_PREDICTION)
            ]
        return torch.cat(parts).numpy()

    def save(self, path: Path) -> None:
        """Write weights, and mean and deviation of the target, as `.safetensors`."""
        import torch
        from safetensors.torch import save_file

        weights = {name: weight.float().contiguous() for name, weight in self._layers.state_dict().items()}
        target = torch.tensor([self._centre, self._scale], dtype=torch.float64)
        save_file(weights | {_TARGET: target}, path)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        import torch
        from safetensors.torch import load_file

        weights = load_file(path)
        self._centre, self._scale = weights.pop(_TARGET).tolist()
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced
            layers = self._build()
        layers.load_state_dict(weights, assign=True)
        self._layers = layers.double().eval()


_TARGET = "target_centre_and_scale"


class _Loop:
    """One training: layers, optimiser, and the best weights so far."""

    def __init__(self, layers: Layers, forward: Forward, training: Training) -> None:
        import torch

        self._layers, self._forward, self._training = layers, forward, training
        self._optimiser = torch.optim.AdamW(
            layers.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=True
        )
        self.best_epoch = 0

    def run(self, train: Tensors, val: Tensors) -> list[tuple[int, float, float]]:
        """Train until val stops getting better, and restore the best epoch's weights.

        Epoch, RMSE on train and on val of each epoch, in deviations of the target; an epoch in which one of them is
        no number is the last, and not among them.

        Raises InvalidInput: the first epoch is such a one.
        """
        steps: list[tuple[int, float, float]] = []
        best_rmse, best = float("inf"), self._weights()
        for epoch in range(1, self._training.max_epochs + 1):
            train_rmse, val_rmse = self._epoch(train), self._rmse(val)
            if not np.isfinite([train_rmse, val_rmse]).all():
                break
            steps.append((epoch, train_rmse, val_rmse))
            if steps[-1][-1] < best_rmse:
                best_rmse, best, self.best_epoch = steps[-1][-1], self._weights(), epoch
            elif epoch - self.best_epoch >= self._training.patience:
                break
        if not steps:
            raise InvalidInput(
                f"a net's error must be a number after an epoch; it is none with {self._training}. "
                "Lower learning_rate, and check the inputs for infinities."
            )
        self._layers.load_state_dict(best)
        return steps

    def _weights(self) -> dict[str, Tensor]:
        return {name: weight.detach().clone() for name, weight in self._layers.state_dict().items()}

    def _epoch(self, train: Tensors) -> float:
        """One pass in random order; the RMSE of the batches as they were met, with dropout."""
        import torch

        self._layers.train()
        n_rows = len(train[_LEARNED])
        total = torch.zeros((), device=train[_LEARNED].device)
        order: Tensor = torch.randperm(n_rows).to(total.device)
        for rows in order.split(self._training.batch_size):
            loss = self._loss(_rows(train, rows))
            self._optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._layers.parameters(), self._training.gradient_clip)
            self._optimiser.step()
            total += loss.detach() * len(rows)
        return float((total / n_rows).sqrt())

    def _rmse(self, val: Tensors) -> float:
        import torch

        self._layers.eval()
        n_rows = len(val[_LEARNED])
        with torch.inference_mode():
            order: Tensor = torch.arange(n_rows, device=val[_LEARNED].device)
            batches = order.split(_ROWS_PER_PREDICTION)
            total = sum(float(self._loss(_rows(val, rows))) * len(rows) for rows in batches)
        return float(np.sqrt(total / n_rows))

    def _loss(self, batch: Tensors) -> Tensor:
        from torch.nn.functional import mse_loss

        return mse_loss(self._forward(self._layers, batch), batch[_LEARNED])


_LEARNED = "target"


def _on(device: Any, inputs: Arrays, target: Vector) -> Tensors:
    """All rows as tensors; on the CPU those of the vectors are the same memory."""
    import torch

    arrays = {**inputs, _LEARNED: target.astype(np.float32)}
    return {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in arrays.items()}


def _rows(tensors: Tensors, rows: Tensor) -> Tensors:
    # A copy has the alignment that matrix kernels give the same bits for; a slice of an array may not have.
    return {name: tensor.index_select(0, rows) for name, tensor in tensors.items()}


def _doubles(inputs: Arrays, rows: slice) -> Tensors:
    import torch

    arrays = {name: array[rows] for name, array in inputs.items()}
    floats = {name: array.astype(np.float64) for name, array in arrays.items() if array.dtype.kind == "f"}
    return {name: torch.tensor(array) for name, array in (arrays | floats).items()}
