"""A small objective for the tests of training, in a module that spawned processes can import."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vidrank_assets.models.learning import Objective
from vidrank_assets.models.synced_batch_norm import synced_batch_norm


@dataclass
class Toy(Objective):
    """Learn a sum of squares of four numbers, with mixup and batch norm."""

    n_examples: int = 203
    dropout: float = 0.0
    rate: float = 1e-2
    identity: str = "toy"

    def __post_init__(self):
        rng = np.random.default_rng(0)
        self.numbers = torch.tensor(rng.normal(size=(self.n_examples + 50, 4)), dtype=torch.float32)
        self.target = (self.numbers**2).sum(dim=1) + 0.3 * torch.tensor(rng.normal(size=len(self.numbers)))
        self.target = self.target.float()

    def layers(self):
        return nn.Sequential(
            nn.Linear(4, 16, bias=False), synced_batch_norm(16), nn.GELU(), nn.Dropout(self.dropout), nn.Linear(16, 1)
        )

    def groups(self, layers):
        return [
            {"params": list(layers[:2].parameters()), "lr": self.rate / 2, "name": "body"},
            {"params": list(layers[2:].parameters()), "lr": self.rate},
        ]

    def losses(self, layers, batch):
        partner = batch.whole[torch.randperm(len(batch.whole), generator=batch.generator)][batch.own]
        own = batch.whole[batch.own]
        share = torch.rand(len(batch.whole), generator=batch.generator)[batch.own] * 0.3
        mixed = self.numbers[own].lerp(self.numbers[partner], share[:, None])
        target = self.target[own].lerp(self.target[partner], share)
        found = layers(mixed).squeeze(1)
        return {"squares": (found - target) ** 2, "size": 0.01 * found.abs()}

    def score(self, layers):
        found = layers(self.numbers[self.n_examples :]).squeeze(1)
        return -float(((found - self.target[self.n_examples :]) ** 2).mean())
