"""What a training is asked: what is learned, by which loss and score, with which settings."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import Field

from vidrank_assets.models.base import Parameters

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
    processes: int = Field(1, ge=1, description="processes of this machine that share each batch")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="of the layers' arithmetic on a GPU")


@dataclass(frozen=True)
class Batch:
    """What one process works on at a time.

    whole: int64 on the device of training, (n_whole,), the examples of the optimiser's step; equal in every process.
    own: the part of `whole` that is worked on now: a process's share, or a piece of it where gradients accumulate;
    at least one example.
    generator: a `torch.Generator` of the CPU seeded by seed, epoch and step, equal in every process and piece: for
    mixup.
    """

    whole: Tensor
    own: slice
    generator: Any


class Objective(ABC):
    """What is to be learned. It is pickled where processes share the work, before anything of it has been called.

    Random numbers come from `batch.generator` or from torch's global generators, and from nowhere else. The sharing
    processes must call the same layers in the same order, whatever their examples are.
    """

    #: How many examples there are to learn from.
    n_examples: int
    #: Digest of all data and parameters that decide the result.
    identity: str
    #: Whether one example is so much work that all threads of the CPU have something to do.
    heavy: bool = False

    @abstractmethod
    def layers(self) -> Layers:
        """One `nn.Module`, on the CPU, with the weights that training begins with; torch is seeded before.

        Called again for the result, so frozen weights must be the same each time. `synced_batch_norm` is the batch
        norm to use.
        """

    @abstractmethod
    def groups(self, layers: Layers) -> list[dict[str, Any]]:
        """Parameter groups of AdamW, each with `params` and `lr`; a `name` is shown with its rate in event files."""

    @abstractmethod
    def losses(self, layers: Layers, batch: Batch) -> Mapping[str, Tensor]:
        """The terms of the loss, weighted, each (n_own,), the same ones for every batch.

        The mean over `whole` of their sum is minimised.
        """

    @abstractmethod
    def score(self, layers: Layers) -> float:
        """How good the layers are on val, higher is better; they are in evaluation mode, without gradients.

        One process computes it for all.
        """


class Epoch(NamedTuple):
    """Mean of each term of the loss over the examples as they were met, and the score on val after it.

    rates: of each parameter group, after the epoch.
    """

    number: int
    losses: Mapping[str, float]
    score: float
    rates: Sequence[float] = ()
