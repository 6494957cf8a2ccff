"""The fused vector brought to 128 columns by a net, for trees to read."""

import json
from pathlib import Path
from typing import Self

import numpy as np

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Findings
from vidrank_assets.models.neural_columns import block_scale, scaled
from vidrank_assets.models.tabular import Matrix64
from vidrank_assets.models.training.torch_fit import Layers, Net, Tensor, Tensors, Training

HIDDEN, WIDTH, DROPOUT = 256, 128, 0.1


class NeuralProjector:
    """`fused → 256 → GELU → dropout 0.1 → 128`, trained with a linear head that predicts the target.

    On the rows it was trained on its columns are closer to the target than on new ones, and trees trust them too much.
    This is the reference system's form. Columns from other folds, as `LinearProjector` makes them, are not to be
    had: the 128 places mean something else in every training. What holds the damage small is that training stops by
    val, and so do the trees.
    """

    def fit(self, train: Dataset, val: Dataset, *, training: Training, seed: int) -> Self:
        """Learn from train; val says when to stop."""
        self._net = self._unfitted_net(dict(train.fused.blocks), train.fused)
        self._net.fit(
            {"vectors": train.fused.matrix},
            train.targets,
            val={"vectors": val.fused.matrix},
            val_target=val.targets,
            training=training,
            seed=seed,
        )
        return self

    @property
    def findings(self) -> Findings:
        """How its training went."""
        return Findings(facts=self._net.facts, curve=self._net.curve)

    def transform(self, fused: Vectors) -> Matrix64:
        """(n_videos, 128); each row depends on that video only."""
        # float32 holds all that the weights know; the bits below depend on the rows that are computed together.
        return self._net.apply(_projected, {"vectors": fused.matrix}).astype(np.float32).astype(np.float64)

    def save(self, folder: Path) -> None:
        """Write weights and blocks into an existing folder."""
        (folder / "projector.json").write_text(json.dumps(self._blocks))
        self._net.save(folder / "projector.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        projector = cls()
        projector._net = projector._unfitted_net(json.loads((folder / "projector.json").read_text()), None)
        projector._net.load(folder / "projector.safetensors")
        return projector

    def _unfitted_net(self, blocks: dict[str, int], vectors: Vectors | None) -> Net:
        self._blocks = blocks
        return Net(lambda: _layers(blocks, vectors), _predicted)


def _layers(blocks: dict[str, int], vectors: Vectors | None) -> Layers:
    from torch import nn

    projection = nn.Sequential(
        nn.Linear(sum(blocks.values()), HIDDEN), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, WIDTH)
    )
    return nn.ModuleDict({"scale": block_scale(blocks, vectors), "projection": projection, "head": nn.Linear(WIDTH, 1)})


def _projected(layers: Layers, inputs: Tensors) -> Tensor:
    """(n_rows, 128)."""
    output = layers["projection"](scaled(layers, inputs))
    return output


def _predicted(layers: Layers, inputs: Tensors) -> Tensor:
    """(n_rows,)."""
    output = layers["head"](_projected(layers, inputs))
    return output.squeeze(1)
