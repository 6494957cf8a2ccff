"""The image encoder learned with the ranker, from pixels: which picture and title of a channel's pair won."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidrank_assets.features.encoders.clip import SETTING
from vidrank_assets.features.encoders.transformers_model import weights
from vidrank_assets.models.ranking.ranker_objective import PairObjective, RankerPlan
from vidrank_assets.models.ranking.ranking_regressor import share_in_order
from vidrank_assets.models.training.objective import Batch, Layers, Tensor
from vidrank_assets.models.training.trained_weights import restore_weights
from vidrank_assets.models.tuning.seeing import SeeingObjective
from vidrank_assets.models.tuning.sight import read_outs
from vidrank_assets.models.tuning.thumbnail_pixels import MEMORY_MIB, ThumbnailPixels
from vidrank_assets.models.tuning.vision_model import (
    encoded,
    keep_fewer_activations,
    moved,
    moves,
    scaled,
    trained_groups,
    unit,
    vision_model,
)

#: What the loss reads of videos; the rest is of pairs.
_OF_VIDEOS = ("vectors", "ctr", "sub_scores")


class Tuning(RankerPlan):
    """What may be set of a tuning. A batch of pairs is twice as many pictures."""

    last_blocks: int | None = Field(4, ge=1, description="blocks of the encoder that are trained; all of it when empty")
    encoder_rate: float = Field(2e-5, gt=0, description="step size of AdamW for the encoder's last block")
    rate_decay: float = Field(0.9, gt=0, le=1, description="a block's step size as a share of the next one's")
    learning_rate: float = Field(1e-4, gt=0, description="step size of AdamW for body and heads")
    max_epochs: int = Field(20, ge=1, description="times that training goes over all pairs, at most")
    patience: int = Field(4, ge=1, description="epochs without a better pairwise AUC on val after which training stops")
    head_epochs: int = Field(
        200, ge=1, description="times that heads alone, on the untuned and on the stored vectors, go over all pairs"
    )
    batch_size: int = Field(
        64, ge=1, description="pairs per step of the optimiser, of all processes together; in seeing epochs pictures"
    )
    precision: Literal["fp32", "bf16"] = Field("bf16", description="of the layers' arithmetic on a GPU")
    moved: int = Field(0, ge=0, description="pixels by which pictures are moved at most while they are learned from")
    seeing_epochs: int = Field(
        0,
        ge=0,
        description="times that the encoder first goes over all pictures alone; weights that know nothing need it",
    )
    seeing_rate: float = Field(2e-3, gt=0, description="step size of AdamW for all of the encoder in those epochs")
    seeing_weight: float = Field(
        0.3, ge=0, description="weight of what seeing epochs taught while pairs are learned; who won has 1"
    )
    gradient_checkpointing: bool = Field(False, description="compute activations twice to keep fewer of them")
    memory_mib: int = Field(MEMORY_MIB, ge=0, description="what decoded pictures may take in memory, of each process")


@dataclass
class TuningObjective(PairObjective):
    """What `PairObjective` learns of stored vectors, learned through the encoder that makes the image vectors.

    vectors and val_vectors: as the untuned encoder makes them; their blocks are `image`, then `text`. They decide the
    scale in which the heads read. pictures and val_pictures: (n_videos,), their numbers among `pixels`.
    model: the folder of the encoder to begin with. start: weights of a ranker of `vectors` to begin with: heads that
    know nothing would spoil the encoder before they know something. With those of its `encoder`, if they are others
    than the folder's.
    seeing: by what the encoder learned to see before, of the same videos in the same order; `start` then has the
    weights of its `sight` too. It goes on being learned, for from pairs alone an encoder unlearns what few turn on.

    A picture of a step is encoded once, whatever the number of its pairs. Mixup mixes vectors, of pairs that are worked
    on at a time: partners from elsewhere in the batch would have to be encoded too.
    Source of the order, heads first: Kumar et al. 2022, Fine-tuning can distort pretrained features.
    """

    plan: Tuning
    pixels: ThumbnailPixels
    pictures: NDArray[np.int64]
    val_pictures: NDArray[np.int64]
    model: Path
    start: dict[str, Tensor]
    seeing: SeeingObjective | None = None

    heavy = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._piece: Mapping[str, Tensor] | None = None

    def layers(self) -> Layers:
        """A ranker of the vectors, with the encoder as its part `encoder`; where it goes on seeing, with `sight`."""
        layers = super().layers()
        layers.encoder = vision_model(self.model)
        if self.seeing:
            layers.sight = read_outs(layers.encoder, self.seeing.stored.shape[1])
        restore_weights(layers, self.start)
        if self.plan.gradient_checkpointing:
            keep_fewer_activations(layers.encoder)
        return layers

    def groups(self, layers: Layers) -> list[dict[str, Any]]:
        """One of body and heads, one for each block that is trained, and one of `sight` where there is one."""
        plan = self.plan
        groups = super().groups(layers)
        if self.seeing:
            groups.append({"params": list(layers.sight.parameters()), "lr": plan.learning_rate, "name": "sight"})
        return groups + trained_groups(
            layers.encoder, last_blocks=plan.last_blocks, rate=plan.encoder_rate, decay=plan.rate_decay
        )

    def losses(self, layers: Layers, batch: Batch) -> Mapping[str, Tensor]:
        """Those of `PairObjective`, on vectors that the encoder gives to the pictures of these pairs now.

        Where the encoder goes on seeing also `seeing`: the sum of both errors of a picture, as the mean of the pair's.
        """
        import torch

        device = batch.whole.device
        known, own = super()._on(device), batch.whole[batch.own]
        videos, pairs = known["pairs"][own].unique(return_inverse=True)
        numbers = videos.cpu().numpy()
        pixels = torch.from_numpy(self.pixels.of(self.pictures[numbers])).to(device)
        if self.plan.moved:
            of_batch = known["pairs"][batch.whole].unique()
            drawn = moves(len(of_batch), self.plan.moved, batch.generator)
            pixels = moved(pixels, drawn[torch.searchsorted(of_batch, videos).cpu()])
        outputs = layers.encoder(scaled(pixels, self.pixels.processor))
        image = unit(outputs)
        text = known["vectors"][videos][:, image.shape[1] :]
        some = {name: each[videos if name in _OF_VIDEOS else own] for name, each in known.items()}
        self._piece = {**some, "vectors": torch.cat([image, text], dim=1), "pairs": pairs}
        every = torch.arange(len(pairs), device=device)
        terms = super().losses(layers, Batch(every, slice(0, len(pairs)), batch.generator))
        if not self.seeing:
            return terms
        stored = torch.from_numpy(self.seeing.stored[numbers]).to(device)
        patches, vectors = self.seeing.sight.errors(layers.sight, outputs, pixels, stored)
        return {**terms, "seeing": self.plan.seeing_weight * (patches + vectors)[pairs].mean(dim=1)}

    def score(self, layers: Layers) -> float:
        """Pairwise AUC of val's pairs, their pictures encoded anew."""
        import torch

        image = encoded(layers.encoder, self.pixels, self.val_pictures)
        text = torch.from_numpy(self.val_vectors.matrix[:, image.shape[1] :]).to(image.device)
        ranks = layers.ranks(torch.cat([image, text], dim=1))
        return share_in_order(self.val_comparisons, ranks.double().cpu().numpy())

    def _on(self, device: Any) -> Mapping[str, Tensor]:
        """The pairs that are worked on now, as all that there is."""
        return self._piece or super()._on(device)

    def _digest(self) -> str:
        digest = sha256(super()._digest().encode())
        digest.update(weights(str(self.model), setting=SETTING).identity.encode())
        digest.update(self.pixels.identity.encode())
        digest.update(self.seeing.identity.encode() if self.seeing else b"")
        for array in (self.pictures, self.val_pictures, *(self.start[name].numpy() for name in sorted(self.start))):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
