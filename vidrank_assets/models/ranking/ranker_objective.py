"""What the pairwise ranker's training is asked, on stored vectors: an example is a pair of one channel's videos."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.models.ranking.ranker_layers import vector_ranker
from vidrank_assets.models.ranking.ranker_loss import distance, distance_loss, mixup, ranking_loss, squared_error
from vidrank_assets.models.ranking.ranking_regressor import share_in_order, winners_and_losers
from vidrank_assets.models.ranking_inputs import RankingInputs
from vidrank_assets.models.training.objective import Batch, Layers, Objective, Plan, Tensor

#: Rows that go through the layers at once where nothing is learned.
ROWS_AT_ONCE = 4_096


class RankerPlan(Plan):
    """What may be set of a ranker's training."""

    patience: int = Field(6, ge=1, description="epochs without a better pairwise AUC on val after which training stops")
    learning_rate: float = Field(5e-4, gt=0, description="step size of AdamW for body and heads")
    margin: float = Field(0.1, ge=0, description="by how many log views the winner's score should be the higher one")
    label_smoothing: float = Field(0.15, ge=0, lt=1, description="who won is learned as 1 less half of this")
    mixup: float = Field(0.3, ge=0, description="alpha of the Beta distribution of mixing shares; 0 mixes nothing")
    distance_weight: float = Field(1.0, ge=0, description="weight of how far apart a pair ended; who won has 1")
    ctr_weight: float = Field(1.0, ge=0, description="weight of the CTR head's squared error")
    sub_score_weight: float = Field(1.0, ge=0, description="weight of the six auxiliary heads' mean squared error")


@dataclass
class PairObjective(Objective):
    """Who won each pair of train, and what else is known of its videos, learned of stored vectors.

    vectors and val_vectors: blocks of image and text. comparisons and val_comparisons: of the same videos.
    """

    vectors: Vectors
    comparisons: Comparisons
    val_vectors: Vectors
    val_comparisons: Comparisons
    plan: RankerPlan

    def __post_init__(self) -> None:
        self.n_examples = len(self.comparisons.pairs)
        self._inputs = RankingInputs().fit(self.vectors)
        self._tensors: Mapping[str, Tensor] | None = None
        self.identity = self._digest()

    def layers(self) -> Layers:
        """A ranker of these vectors."""
        return vector_ranker(self.vectors.blocks, self._inputs)

    def groups(self, layers: Layers) -> list[dict[str, Any]]:
        """One, of body and heads."""
        return [{"params": list(layers.ranker.parameters()), "lr": self.plan.learning_rate, "name": "ranker"}]

    def losses(self, layers: Layers, batch: Batch) -> Mapping[str, Tensor]:
        """`ranking` and `distance` of the pair, `ctr` and `sub_scores` as the means of its two videos."""
        known = self._on(batch.whole.device)
        mixing = mixup(len(batch.whole), batch.own, batch.generator, alpha=self.plan.mixup)
        examples = batch.whole[batch.own], batch.whole[mixing.partner.to(batch.whole.device)]
        own, partners = (known["pairs"][some] for some in examples)
        # (n_own, 2, …): the video that won, then the other; a winner is mixed with a winner.
        sides = (layers.read(known["vectors"][rows]) for rows in (own, partners))
        outputs = layers.ranker(*(mixing.of(mine, theirs).flatten(0, 1) for mine, theirs in zip(*sides, strict=True)))

        def error(predicted: Tensor, target: Tensor) -> Tensor:
            by_pair = predicted.unflatten(0, (-1, 2))
            return mixing.of(squared_error(by_pair, target[own]), squared_error(by_pair, target[partners]))

        winner, loser = outputs.score.unflatten(0, (-1, 2)).unbind(dim=1)
        apart = mixing.of(*(distance_loss(winner, loser, known["distances"][some]) for some in examples))
        return {
            "ranking": ranking_loss(winner, loser, margin=self.plan.margin, smoothing=self.plan.label_smoothing),
            "distance": self.plan.distance_weight * apart,
            "ctr": self.plan.ctr_weight * error(outputs.ctr, known["ctr"]),
            "sub_scores": self.plan.sub_score_weight * error(outputs.sub_scores, known["sub_scores"]),
        }

    def score(self, layers: Layers) -> float:
        """Pairwise AUC of val's pairs."""
        import torch

        device = next(layers.parameters()).device
        rows: Tensor = torch.from_numpy(np.ascontiguousarray(self.val_vectors.matrix))
        ranks = torch.cat([layers.ranks(some.to(device)) for some in rows.split(ROWS_AT_ONCE)])
        return share_in_order(self.val_comparisons, ranks.double().cpu().numpy())

    def _on(self, device: Any) -> Mapping[str, Tensor]:
        """What the loss reads, as tensors, all that `_arrays` names; on the CPU the vectors are the same memory."""
        import torch

        if self._tensors is None:
            self._tensors = {name: torch.from_numpy(array).to(device) for name, array in self._arrays().items()}
        return self._tensors

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "vectors": np.ascontiguousarray(self.vectors.matrix),
            "pairs": winners_and_losers(self.comparisons),
            "distances": distance(self.comparisons.margin).astype(np.float32),
            "ctr": self.comparisons.ctr.astype(np.float32),
            "sub_scores": self.comparisons.sub_scores.astype(np.float32),
        }

    def _digest(self) -> str:
        """Of all that decides what is learned; the plan's settings are compared by the training itself."""
        val: dict[str, NDArray[Any]] = {
            "val_vectors": self.val_vectors.matrix,
            "val_pairs": winners_and_losers(self.val_comparisons),
        }
        digest = sha256(json.dumps(dict(self.vectors.blocks)).encode())
        for name, array in (self._arrays() | val).items():
            digest.update(f"{name} {array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
