"""The loop of a training that can be shared by processes, stopped at any step, and resumed to the bit."""

import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import cache
from typing import Any

import numpy as np

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.training.checkpoints import State
from vidrank_assets.models.training.interruption import Interruption
from vidrank_assets.models.training.learning_rates import cosine_then_constant
from vidrank_assets.models.training.objective import Batch, Epoch, Layers, Objective, Plan, Tensor
from vidrank_assets.models.training.reproducible import generator, random_state, restore_random_state
from vidrank_assets.models.training.trained_weights import AveragedWeights, restore_weights, weights_of
from vidrank_assets.models.training.workplace import Workplace


class TrainingRun:
    """Layers, optimiser, scheduler, averaged weights, and how far the training has come."""

    def __init__(self, objective: Objective, plan: Plan, *, seed: int, accelerator: Any) -> None:
        """Raises InvalidInput: a batch would have fewer examples than there are processes."""
        import torch

        self._objective, self._plan, self._seed, self._accelerator = objective, plan, seed, accelerator
        self._n_batches = math.ceil(objective.n_examples / plan.batch_size)
        if objective.n_examples // self._n_batches < accelerator.num_processes:
            raise InvalidInput(
                f"each process must have an example of every batch; {accelerator.num_processes} processes share "
                f"{objective.n_examples} examples in {self._n_batches} batches. Lower processes, or raise batch_size."
            )
        self._layers = objective.layers().to(accelerator.device)
        torch.manual_seed(seed + accelerator.process_index)  # dropout differs between processes
        self._optimiser = torch.optim.AdamW(objective.groups(self._layers), weight_decay=plan.weight_decay, fused=True)
        self._averaging_after = plan.average_from * plan.max_epochs
        self._schedule = cosine_then_constant(self._optimiser, n_steps=round(self._averaging_after * self._n_batches))
        self._model = accelerator.prepare_model(self._passes(self._layers))
        self._averaged: AveragedWeights | None = None
        self._curve: list[Epoch] = []
        self._best: dict[str, Any] = {"epoch": 0, "score": -math.inf, "weights": {}}
        self._terms: list[str] = []
        self._number, self._position = 1, 0
        self._sums: Tensor = None

    def run(self, workplace: Workplace, interruption: Interruption) -> dict[str, Any]:
        """Train to the end: `weights`, `curve` and `facts`.

        Raises InvalidInput: not even after one epoch are loss and score numbers.
        """
        names = [group.get("name", str(number)) for number, group in enumerate(self._optimiser.param_groups)]
        workplace.begin(self._curve, names)
        while not self._is_over():
            losses = self._epoch(workplace, interruption)
            if not self._note(Epoch(self._number, losses, self._score(self._layers), self._schedule.get_last_lr())):
                break
            workplace.show(self._curve[-1])
            self._number, self._position, self._sums = self._number + 1, 0, None
            if self._is_over() or len(self._curve) % self._plan.checkpoint_every == 0:
                self._checkpoint(workplace)
        return self._result()

    def state(self) -> State:
        """All that decides how the training goes on."""
        from accelerate.utils import gather_object

        return {
            "number": self._number,
            "position": self._position,
            "sums": self._sums,
            "terms": self._terms,
            "curve": [list(epoch) for epoch in self._curve],
            "best": self._best,
            "weights": weights_of(self._layers),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "averaged": self._averaged.state() if self._averaged else None,
            "random": gather_object([random_state()]),
        }

    def resume(self, state: State) -> None:
        """Stand where the training stood that told its `state`."""
        self._number, self._position = state["number"], state["position"]
        self._sums = None if state["sums"] is None else state["sums"].to(self._accelerator.device)
        self._terms, self._best = state["terms"], state["best"]
        self._curve = [Epoch(*epoch) for epoch in state["curve"]]
        restore_weights(self._layers, state["weights"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        if state["averaged"]:
            self._averaged = AveragedWeights.of(self._layers, state["averaged"])
        restore_random_state(state["random"][self._accelerator.process_index])

    def _is_over(self) -> bool:
        stale = len(self._curve) - self._best["epoch"] >= self._plan.patience
        return stale or self._number > self._plan.max_epochs

    def _epoch(self, workplace: Workplace, interruption: Interruption) -> Mapping[str, float]:
        """The steps that are left of the epoch; the mean of each term over all of them."""
        self._layers.train()
        for step, whole in enumerate(self._wholes(self._number)[self._position :], start=self._position):
            sums = self._step(whole, step)
            self._sums = sums if self._sums is None else self._sums + sums
            self._position = step + 1
            if asked := self._agreed_signal(interruption):
                self._checkpoint(workplace)
                interruption.deliver(asked)
        means = (self._sums / self._objective.n_examples).tolist()
        return dict(zip(self._terms, means, strict=True))

    def _step(self, whole: Tensor, step: int) -> Tensor:
        """One step of the optimiser; the sum of each term over the whole batch."""
        import torch

        self._optimiser.zero_grad()
        sums: Tensor = 0
        *first, last = self._pieces(whole, self._number, step)
        for batch in (*first, last):
            with nullcontext() if batch is last else self._accelerator.no_sync(self._model):
                terms = self._model(batch)
                # The processes' gradients are averaged: each counts as if the others' examples were like its own.
                loss = sum(terms.values()).sum() * (self._accelerator.num_processes / len(whole))
                self._accelerator.backward(loss)
            sums = sums + torch.stack([term.detach().double().sum() for term in terms.values()])
        self._terms = list(terms)
        parameters = [each for group in self._optimiser.param_groups for each in group["params"]]
        self._accelerator.clip_grad_norm_(parameters, self._plan.gradient_clip)
        self._optimiser.step()
        self._schedule.step()
        return self._accelerator.reduce(sums, "sum")

    def _agreed_signal(self, interruption: Interruption) -> int:
        """The signal that any process was sent, known to all of them at the same step; 0 where there is none."""
        import torch

        if self._accelerator.num_processes == 1:
            return interruption.pending
        pending = torch.tensor(interruption.pending, device=self._accelerator.device)
        return int(self._accelerator.reduce(pending, "max"))

    def _wholes(self, epoch: int) -> list[Tensor]:
        """The examples in the order of the epoch, in batches whose sizes differ by one at most."""
        import torch

        order = torch.randperm(self._objective.n_examples, generator=generator(self._seed, epoch))
        return list(order.to(self._accelerator.device).tensor_split(self._n_batches))

    def _pieces(self, whole: Tensor, epoch: int, step: int) -> Iterator[Batch]:
        """The share that this process has of each of the parts that are worked on one after the other."""
        processes, n_whole = self._accelerator.num_processes, len(whole)
        n_shares = processes * min(self._plan.accumulate, n_whole // processes)
        for share in range(self._accelerator.process_index, n_shares, processes):
            own = slice(share * n_whole // n_shares, (share + 1) * n_whole // n_shares)
            yield Batch(whole, own, generator(self._seed, epoch, 1 + step))  # without a step it is the order's

    def _passes(self, layers: Layers) -> Layers:
        """A module from a batch to the terms of its loss, for what goes around modules."""
        return _passes_type()(layers, self._objective, self._autocast)

    def _autocast(self) -> Any:
        import torch

        kind = self._accelerator.device.type
        return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda" and self._plan.precision == "bf16")

    def _score(self, layers: Layers) -> float:
        import torch
        from accelerate.utils import broadcast

        score = torch.zeros((), dtype=torch.float64, device=self._accelerator.device)
        if self._accelerator.is_main_process:
            layers.eval()
            with torch.no_grad(), self._autocast():
                score.fill_(self._objective.score(layers))
        return float(broadcast(score))

    def _note(self, epoch: Epoch) -> bool:
        """Add the epoch to the curve, its weights to the best or the mean; False where it has no numbers."""
        if not np.isfinite([*epoch.losses.values(), epoch.score]).all():
            if not self._curve:
                raise InvalidInput(
                    f"loss and score must be numbers after an epoch; found {dict(epoch.losses)} and {epoch.score} with "
                    f"{self._plan}. Lower the learning rate, and check the inputs for infinities."
                )
            return False
        self._curve.append(epoch)
        if epoch.score > self._best["score"]:
            self._best = {"epoch": epoch.number, "score": epoch.score, "weights": weights_of(self._layers)}
        if epoch.number > self._averaging_after:
            self._averaged = self._averaged or AveragedWeights(self._layers)
            self._averaged.add(self._layers)
        return True

    def _checkpoint(self, workplace: Workplace) -> None:
        if workplace.is_kept:
            workplace.write(self.state())
            self._accelerator.wait_for_everyone()

    def _result(self) -> dict[str, Any]:
        """The averaged weights where they are at least as good on val as the best epoch's, else those."""
        kept, score, averaged = self._best["weights"], self._best["score"], 0
        if self._averaged:
            layers = self._averaged.layers
            wholes = enumerate(self._wholes(0))
            batches = (batch for step, whole in wholes for batch in self._pieces(whole, 0, step))
            self._averaged.refresh(self._passes(layers), batches)
            found = self._score(layers)
            if found >= score:
                kept, score, averaged = weights_of(layers), found, 1
        facts = {
            "device": self._accelerator.device.type,
            "processes": self._accelerator.num_processes,
            "best_epoch": self._best["epoch"],
            "averaged": averaged,
            "score": score,
        }
        return {"weights": kept, "curve": [list(epoch) for epoch in self._curve], "facts": facts}


@cache
def _passes_type() -> Any:
    from torch import nn

    class Passes(nn.Module):
        def __init__(self, layers: Layers, objective: Objective, autocast: Any) -> None:
            super().__init__()
            self._layers, self._objective, self._autocast = layers, objective, autocast

        def forward(self, batch: Batch) -> dict[str, Tensor]:
            with self._autocast():
                terms = self._objective.losses(self._layers, batch)
            return {name: term.float() for name, term in terms.items()}

    return Passes
