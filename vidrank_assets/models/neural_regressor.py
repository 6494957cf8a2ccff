"""Families that are nets: what they read, how they are trained and stored; each adds its layers."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, Findings, Vector
from vidrank_assets.models.neural_columns import NeuralColumns, block_scale, embedding_widths
from vidrank_assets.models.residual import ResidualRegressor
from vidrank_assets.models.training.torch_fit import Arrays, Layers, Net, Tensor, Tensors, Training


class Widths(NamedTuple):
    """What a net's layers are made for: columns of numbers, codes of each category, and the blocks of vectors."""

    n_numbers: int
    n_codes: list[int]
    blocks: Mapping[str, int]

    @property
    def metadata(self) -> int:
        """Numbers and embeddings."""
        return self.n_numbers + sum(embedding_widths(self.n_codes))

    @property
    def vectors(self) -> int:
        """All blocks."""
        return sum(self.blocks.values())


class NeuralRegressor(ResidualRegressor):
    """Metadata and vectors through layers that the family makes."""

    takes = Training
    parameters: Training

    @abstractmethod
    def _vectors(self, videos: Dataset) -> Vectors:
        """The vectors that the net reads."""

    @abstractmethod
    def _layers(self, widths: Widths) -> Layers:
        """Its layers, with random weights."""

    @abstractmethod
    def _forward(self, layers: Layers, inputs: Tensors) -> Tensor:
        """(n_rows,) of `numbers`, `codes` and `vectors`, the last as stored."""

    @property
    def findings(self) -> Findings:
        return Findings(facts=self._net.facts, curve=self._net.curve)

    def _fit_residual(self, train: Dataset, val: Dataset) -> None:
        self._columns = NeuralColumns().fit(train.columns)
        self._blocks = dict(self._vectors(train).blocks)
        self._net = self._unfitted_net(self._vectors(train))
        self._net.fit(
            self._arrays(train),
            train.targets,
            val=self._arrays(val),
            val_target=val.targets,
            training=self.parameters,
            seed=self.seed,
        )

    def _unfitted_net(self, vectors: Vectors | None = None) -> Net:
        """With the scale of these vectors; without any it is for `load`, which brings it."""
        widths = Widths(self._columns.n_numbers, self._columns.n_codes, self._blocks)

        def layers() -> Layers:
            made = self._layers(widths)
            made["scale"] = block_scale(widths.blocks, vectors)
            return made

        return Net(layers, self._forward)

    def _arrays(self, videos: Dataset) -> Arrays:
        return {**self._columns.transform(videos.columns), "vectors": self._vectors(videos).matrix}

    def _predict_residual(self, videos: Dataset) -> Vector:
        return self._net.predict(self._arrays(videos))

    def _save_residual(self, folder: Path) -> None:
        self._columns.save(folder)
        (folder / "vectors.json").write_text(json.dumps(self._blocks))
        self._net.save(folder / "net.safetensors")

    def _load_residual(self, folder: Path) -> None:
        self._columns = NeuralColumns.load(folder)
        self._blocks = json.loads((folder / "vectors.json").read_text())
        self._net = self._unfitted_net()
        self._net.load(folder / "net.safetensors")
