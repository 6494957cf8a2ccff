"""Predicting what a column of the channel's own history says."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from vidrank_assets.models.base import Dataset, Regressor, Vector


class ChannelColumn(Regressor):
    """The value of one column, as known when the video went online; the mean of train where there is none.

    A table without that column has no channel history at all, so every video gets the mean of train.
    """

    column: ClassVar[str]

    def _fit(self, train: Dataset, val: Dataset) -> None:
        self.train_mean = float(train.targets.mean())

    def _predict(self, videos: Dataset) -> Vector:
        if self.column not in videos.columns.columns:
            return np.full(len(videos), self.train_mean)
        return videos.columns[self.column].cast(pl.Float64).fill_null(self.train_mean).to_numpy()

    def _save(self, folder: Path) -> None:
        (folder / "train_mean.json").write_text(json.dumps(self.train_mean))

    def _load(self, folder: Path) -> None:
        self.train_mean = json.loads((folder / "train_mean.json").read_text())
