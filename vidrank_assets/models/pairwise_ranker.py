"""The net that learns from pairs which video of a channel wins, by its thumbnail and its title."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Findings, Step, Vector
from vidrank_assets.models.ranking.ranker_layers import vector_ranker
from vidrank_assets.models.ranking.ranker_objective import ROWS_AT_ONCE, PairObjective, RankerPlan
from vidrank_assets.models.ranking.ranking_regressor import RankingRegressor, Unseen, compared
from vidrank_assets.models.ranking_inputs import shown
from vidrank_assets.models.training.learning import Learned, learned
from vidrank_assets.models.training.objective import Epoch, Layers, Tensor
from vidrank_assets.models.training.reproducible import threads, threads_for

#: The folder of event files, in the workplace of a training and in a stored ranker.
EVENTS = "tensorboard"


class Heads(NamedTuple):
    """What the heads say of videos, by image and title alone.

    score: (n_videos,), in log views; the channel's mean is not in it. ctr: (n_videos,), 0 to 1, one half for what is
    usual in the channel. sub_scores: (n_videos, 6), 0 to 1, in the order of `pair_tables.SUB_SCORES`.
    """

    score: Vector
    ctr: Vector
    sub_scores: NDArray[np.float64]


class PairwiseRanker(RankingRegressor):
    """Image and title vectors through one body of 512 to a score, a CTR and six sub-scores of the thumbnail.

    Trained in float32 on the GPU when there is one. Used in float64 on the CPU, as other nets here are: a video's score
    does not depend on the videos beside it.
    Source of the siamese form: Bromley et al. 1993, Signature verification using a siamese time delay neural network.
    """

    name = "pairwise_ranker"
    learns = "which video of a channel's pair won; calibrated to target_log over channel_mean"
    takes = RankerPlan
    parameters: RankerPlan
    _found = Findings()

    @property
    def findings(self) -> Findings:
        """What was found in training, and the curve of its epochs.

        Its val_rmse is that of saying who won, 1 or 0: the root of the share of val's pairs in the wrong order.
        """
        return self._found

    def heads(self, vectors: Vectors) -> Heads:
        """What the heads say of videos of which the vectors are known, in their order.

        Raises NotFitted: before `fit`. InvalidInput: other blocks than those of `fit`.
        """
        self._fitted_inputs("scores")
        read = shown(vectors.modalities)
        if read.blocks != self._blocks:
            raise InvalidInput(
                f"vectors must have the blocks that {self.name} was fitted on, {self._blocks}; got "
                f"{dict(read.blocks)}. Make them with the same encoders."
            )
        score, ctr, sub_scores = self._applied(read, lambda layers, rows: layers(rows))
        return Heads(self._calibration.in_log_views(score), ctr, sub_scores)

    def _fit_ranks(self, train: Dataset, val: Dataset) -> Unseen:
        self._found, known = Findings(), (compared(train), compared(val))
        vectors = shown(train.modalities)
        objective = PairObjective(vectors, known[0], shown(val.modalities), known[1], self.parameters)
        if objective.n_examples:
            layers, curve, facts = learned(objective, self.parameters, seed=self.seed, workplace=self._workplace)
        else:
            layers, curve, facts = _knowing_nothing(objective)
        self._blocks, self._layers = dict(vectors.blocks), layers.double()
        told = {name: fact for name, fact in facts.items() if name != "score"}
        pairs = {
            "n_pairs": objective.n_examples,
            "n_val_pairs": len(known[1].pairs),
            "n_pairs_by_ctr": int(known[0].judged_by_ctr.sum()),
        }
        self._found = Findings({**told, "val_pairwise_auc": facts["score"], **pairs}, [_step(each) for each in curve])
        return Unseen(val, self._ranks(val))

    def _ranks(self, videos: Dataset) -> Vector:
        ranks: list[Vector] = self._applied(shown(videos.modalities), lambda layers, rows: (layers.ranks(rows),))
        return ranks[0]

    def _applied(self, vectors: Vectors, function: Callable[[Layers, Tensor], tuple[Tensor, ...]]) -> list[Any]:
        """What a function makes of the layers and of some rows of vectors, for all rows, (n_videos, …) each."""
        import torch

        rows: Tensor = torch.from_numpy(np.ascontiguousarray(vectors.matrix))
        with threads(threads_for(len(vectors.matrix))), torch.inference_mode():
            parts = [function(self._layers, some.double()) for some in rows.split(ROWS_AT_ONCE)]
        return [torch.cat(each).numpy() for each in zip(*parts, strict=True)]

    def _save_ranks(self, folder: Path) -> None:
        from safetensors.torch import save_file

        weights = self._layers.state_dict()
        floats = {name: part.float() if part.is_floating_point() else part for name, part in weights.items()}
        save_file({name: part.contiguous() for name, part in floats.items()}, folder / "ranker.safetensors")
        (folder / "vectors.json").write_text(json.dumps(self._blocks))
        if self._workplace is not None and (self._workplace / EVENTS).is_dir():
            shutil.copytree(self._workplace / EVENTS, folder / EVENTS)

    def _load_ranks(self, folder: Path) -> None:
        import torch
        from safetensors.torch import load_file

        self._blocks = json.loads((folder / "vectors.json").read_text())
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced
            layers = vector_ranker(self._blocks)
        layers.load_state_dict(load_file(folder / "ranker.safetensors"), assign=True)
        self._layers = layers.double().eval()


def _knowing_nothing(objective: PairObjective) -> Learned:
    """What is learned of no pairs: all videos rank alike, so that each is predicted by its channel's mean."""
    import torch

    layers = objective.layers()
    with torch.no_grad():
        for weight in layers.parameters():
            weight.zero_()
    return Learned(layers.eval(), [], {"score": 0.5})


def _step(epoch: Epoch) -> Step:
    return Step(epoch.number, None, float(np.sqrt(1 - epoch.score)))
