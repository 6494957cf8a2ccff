"""The mean of the training targets: what is predicted when nothing is known."""

import json
from pathlib import Path

import numpy as np

from vidrank_assets.models.base import Dataset, Regressor, Vector


class TrainMean(Regressor):
    """One number for every video: the constant with the least squared error on train."""

    name = "train_mean"

    def _fit(self, train: Dataset, val: Dataset) -> None:
        self.mean = float(train.targets.mean())

    def _predict(self, videos: Dataset) -> Vector:
        return np.full(len(videos), self.mean)

    def _save(self, folder: Path) -> None:
        (folder / "mean.json").write_text(json.dumps(self.mean))

    def _load(self, folder: Path) -> None:
        self.mean = json.loads((folder / "mean.json").read_text())
