"""The training of a net that learns whatever loss it is given: pairs of videos, or pictures."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.base import Parameters
from vidrank_assets.models.reproducible import reproducible, threads_for

#: torch's own types; torch is imported only where it runs.
Tensor = Any
Layers = Any


class Plan(Parameters):
    """What may be set of such a training."""

    max_epochs: int = Field(200, ge=1, description="times that training goes over all examples, at most")
    patience: int = Field(20, ge=1, description="epochs without a better score on val after which training stops")
    batch_size: int = Field(256, ge=1, description="examples per step of the optimiser, of all processes together")
    accumulate: int = Field(1, ge=1, description="parts of a batch that are worked on one after the other")
    gradient_clip: float = Field(1.0, gt=0, description="largest norm of a step's gradient")
    weight_decay: float = Field(1e-2, ge=0, description="share of step size by which AdamW shrinks weights")
    average_from: float = Field(0.75, gt=0, le=1, description="share of max_epochs after which weights are averaged")
    checkpoint_every: int = Field(1, ge=1, description="epochs from one checkpoint to the next")
    processes: int = Field(1, ge=1, description="processes that share each batch, on this machine")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="of the layers' arithmetic on a GPU")


@dataclass(frozen=True)
class Batch:
    """What one process works on at a time.

    whole: int64 on the device of training, (n_whole,), the examples of the optimiser's step; equal in every process.
    own: the part of `whole` that is worked on now: a process's share, or one part of it where gradients accumulate.
    generator: a `torch.Generator` of the CPU seeded by seed, epoch and step, equal in every process: for mixup.
    """

    whole: Tensor
    own: slice
    generator: Any


class Objective(ABC):
    """What is to be learned. Picklable: further processes are given a copy.

    Random numbers come from `batch.generator` or from torch's own generator, and from nowhere else.
    """

    #: How many examples there are to learn from.
    n_examples: int
    #: Digest of all data and parameters that decide the result.
    identity: str
    #: Whether an example is so much work that all threads of the CPU have something to do.
    heavy: bool = False

    @abstractmethod
    def layers(self) -> Layers:
        """One `nn.Module` with random weights, or those that training begins with; torch is seeded before."""

    @abstractmethod
    def groups(self, layers: Layers) -> list[dict[str, Any]]:
        """Parameter groups of AdamW, each with `params` and `lr`."""

    @abstractmethod
    def losses(self, layers: Layers, batch: Batch) -> Mapping[str, Tensor]:
        """The terms of the loss, weighted, each (n_own,): the mean over `whole` of their sum is minimised."""

    @abstractmethod
    def score(self, layers: Layers) -> float:
        """How good the layers are on val, higher is better; they are in evaluation mode and need no gradient."""


class Epoch(NamedTuple):
    """Mean of each term of the loss over the examples as they were met, and the score on val after it."""

    number: int
    losses: Mapping[str, float]
    score: float


class Learned(NamedTuple):
    """Layers on the CPU in evaluation mode, how they were learned, and what was found out on the way."""

    layers: Layers
    curve: list[Epoch]
    facts: Mapping[str, str | int | float]


def learned(objective: Objective, plan: Plan, *, seed: int, workplace: Path | None) -> Learned:
    """Train with AdamW until the score gets no better; the layers with the best score are returned.

    Raises InvalidInput: not even after one epoch are the loss and the score numbers.
    """
    import torch

    n_threads = torch.get_num_threads() if objective.heavy else threads_for(objective.n_examples)
    with reproducible(seed, n_threads=n_threads) as device:
        return _Loop(objective, plan, seed=seed, device=device).run()


class _Loop:
    """One training."""

    def __init__(self, objective: Objective, plan: Plan, *, seed: int, device: Any) -> None:
        import torch

        self._objective, self._plan, self._seed, self._device = objective, plan, seed, device
        self._layers = objective.layers().to(device)
        self._optimiser = torch.optim.AdamW(objective.groups(self._layers), weight_decay=plan.weight_decay, fused=True)
        self._curve: list[Epoch] = []

    def run(self) -> Learned:
        best_score, best_epoch, best = -math.inf, 0, self._weights()
        for number in range(1, self._plan.max_epochs + 1):
            epoch = Epoch(number, self._epoch(number), self._score())
            if not np.isfinite([*epoch.losses.values(), epoch.score]).all():
                break
            self._curve.append(epoch)
            if epoch.score > best_score:
                best_score, best_epoch, best = epoch.score, number, self._weights()
            elif number - best_epoch >= self._plan.patience:
                break
        if not self._curve:
            raise InvalidInput(
                f"loss and score must be numbers after an epoch; they are none with {self._plan}. "
                "Lower the learning rate, and check the inputs for infinities."
            )
        self._layers.load_state_dict(best)
        return Learned(self._layers.cpu().eval(), self._curve, {"device": self._device.type, "best_epoch": best_epoch})

    def _weights(self) -> dict[str, Tensor]:
        return {name: weight.detach().clone() for name, weight in self._layers.state_dict().items()}

    def _epoch(self, number: int) -> dict[str, float]:
        import torch

        self._layers.train()
        sums: dict[str, float] = {}
        for batch in self._batches(number):
            terms = self._objective.losses(self._layers, batch)
            loss = sum(term.sum() for term in terms.values()) / len(batch.whole)
            self._optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._layers.parameters(), self._plan.gradient_clip)
            self._optimiser.step()
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + float(term.detach().sum())
        return {name: total / self._objective.n_examples for name, total in sums.items()}

    def _batches(self, epoch: int) -> Iterator[Batch]:
        import torch

        n_batches = math.ceil(self._objective.n_examples / self._plan.batch_size)
        order = torch.randperm(self._objective.n_examples, generator=_generator(self._seed, epoch, 0))
        for step, whole in enumerate(order.to(self._device).tensor_split(n_batches), start=1):
            yield Batch(whole, slice(0, len(whole)), _generator(self._seed, epoch, step))

    def _score(self) -> float:
        import torch

        self._layers.eval()
        with torch.no_grad():
            return self._objective.score(self._layers)


def _generator(*entropy: int) -> Any:
    import torch

    return torch.Generator().manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1))
