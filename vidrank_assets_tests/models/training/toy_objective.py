"""A small objective for the tests of training, in a module that other processes can import."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vidrank_assets.models.training.learning import Objective
from vidrank_assets.models.training.synced_batch_norm import synced_batch_norm

N_VAL = 50


@dataclass
class Toy(Objective):
    """A sum of squares of four numbers, learned with batch norm, mixup and, if asked, dropout."""

    n_examples: int = 203
    dropout: float = 0.0
    rate: float = 1e-2
    mixup: float = 0.3
    norm: bool = True
    identity: str = "toy"
    #: Called before each batch is worked on.
    before: object = None

    def __post_init__(self):
        rng = np.random.default_rng(0)
        self.numbers = torch.tensor(rng.normal(size=(self.n_examples + N_VAL, 4)), dtype=torch.float32)
        self.target = (self.numbers**2).sum(dim=1)

    def layers(self):
        norm = synced_batch_norm(16) if self.norm else nn.Identity()
        first = nn.Linear(4, 16, bias=False)
        return nn.Sequential(first, norm, nn.GELU(), nn.Dropout(self.dropout), nn.Linear(16, 1))

    def groups(self, layers):
        return [
            {"params": list(layers[:2].parameters()), "lr": self.rate / 2, "name": "body"},
            {"params": list(layers[2:].parameters()), "lr": self.rate},
        ]

    def losses(self, layers, batch):
        if self.before:
            self.before()
        numbers, target = self.mixed(batch)
        found = layers(numbers).squeeze(1)
        return {"squares": (found - target) ** 2, "size": 0.01 * found.abs()}

    def mixed(self, batch):
        partner = batch.whole[torch.randperm(len(batch.whole), generator=batch.generator)][batch.own]
        share = self.mixup * torch.rand(len(batch.whole), generator=batch.generator)[batch.own]
        own = batch.whole[batch.own]
        numbers = self.numbers[own].lerp(self.numbers[partner], share[:, None])
        return numbers, self.target[own].lerp(self.target[partner], share)

    def score(self, layers):
        found = layers(self.numbers[self.n_examples :]).squeeze(1)
        return -float(((found - self.target[self.n_examples :]) ** 2).mean())
