"""An image encoder that knows nothing learns to see, from pictures alone, before it learns which of them win."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidrank_assets.features.encoders.clip import SETTING
from vidrank_assets.features.encoders.transformers_model import weights
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.models.training.objective import Batch, Layers, Objective, Plan, Tensor
from vidrank_assets.models.tuning.sight import Errors, Sight, read_outs
from vidrank_assets.models.tuning.thumbnail_pixels import ThumbnailPixels
from vidrank_assets.models.tuning.vision_model import (
    keep_fewer_activations,
    moved,
    moves,
    scaled,
    vision_configuration,
    vision_model,
)

#: Pictures of train from which means and deviations of the measures are taken.
_MEASURED = 1_024


class Seeing(Plan):
    """What is set of it; see `encoder_tuning.Tuning`."""

    learning_rate: float = Field(gt=0)
    moved: int = Field(ge=0)
    gradient_checkpointing: bool


@dataclass
class SeeingObjective(Objective):
    """What each patch of a picture shows, from the patch's own place, and what the store's vector says, from the whole.

    An example is a picture of train; the losses are the errors of its `Sight`, in units of the deviation on train.
    stored and val_stored: (n_videos, d_stored), zeros where a video has none. pictures and val_pictures: (n_videos,),
    their numbers among `pixels`. model: the folder of the encoder to begin with.
    Source of learning measures of patches: Wei et al. 2022, Masked feature prediction for self-supervised visual
    pre-training (here nothing is masked); of learning another model's vectors: Hinton et al. 2015, Distilling the
    knowledge in a neural network.
    """

    stored: Matrix
    val_stored: Matrix
    plan: Seeing
    pixels: ThumbnailPixels
    pictures: NDArray[np.int64]
    val_pictures: NDArray[np.int64]
    model: Path

    heavy = True

    def __post_init__(self) -> None:
        self.n_examples = len(self.pictures)
        self.identity = self._digest()

    @cached_property
    def sight(self) -> Sight:
        """What the encoder is asked, in the scale of train."""
        some = self.pixels.in_batches(self.pictures[:_MEASURED], self.plan.batch_size)
        return Sight.of(some, self.stored, patch=vision_configuration(self.model).patch_size)

    def layers(self) -> Layers:
        """The encoder, and what is read off it."""
        from torch import nn

        encoder = vision_model(self.model)
        if self.plan.gradient_checkpointing:
            keep_fewer_activations(encoder)
        return nn.ModuleDict({"encoder": encoder, "sight": read_outs(encoder, self.stored.shape[1])})

    def groups(self, layers: Layers) -> list[dict[str, Any]]:
        """One, of all there is."""
        return [{"params": list(layers.parameters()), "lr": self.plan.learning_rate, "name": "seeing"}]

    def losses(self, layers: Layers, batch: Batch) -> Mapping[str, Tensor]:
        """`patches` and `vectors` of the pictures."""
        import torch

        device, own = batch.whole.device, batch.whole[batch.own].cpu().numpy()
        pixels = torch.from_numpy(self.pixels.of(self.pictures[own])).to(device)
        if self.plan.moved:
            pixels = moved(pixels, moves(len(batch.whole), self.plan.moved, batch.generator)[batch.own])
        return self._errors(layers, pixels, torch.from_numpy(self.stored[own]).to(device))._asdict()

    def score(self, layers: Layers) -> float:
        """Less the mean error of val's pictures."""
        import torch

        device, size = next(layers.parameters()).device, self.plan.batch_size
        total = 0.0
        vectors: tuple[Tensor, ...] = torch.split(torch.from_numpy(self.val_stored), size)
        for pixels, stored in zip(self.pixels.in_batches(self.val_pictures, size), vectors, strict=True):
            errors = self._errors(layers, torch.from_numpy(pixels).to(device), stored.to(device))
            total += sum(float(each.sum()) for each in errors)
        return -total / len(self.val_pictures)

    def _errors(self, layers: Layers, pixels: Tensor, stored: Tensor) -> Errors:
        outputs = layers["encoder"](scaled(pixels, self.pixels.processor))
        return self.sight.errors(layers["sight"], outputs, pixels, stored)

    def _digest(self) -> str:
        digest = sha256(f"{self.stored.shape} {self.val_stored.shape}".encode())
        digest.update(weights(str(self.model), setting=SETTING).identity.encode())
        digest.update(self.pixels.identity.encode())
        for array in (self.stored, self.val_stored, self.pictures, self.val_pictures):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
