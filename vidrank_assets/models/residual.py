"""Families that learn what the channel's mean leaves over."""

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path

from vidrank_assets.models.base import Dataset, Regressor, Vector
from vidrank_assets.models.channel_mean import ChannelMean


class ResidualRegressor(Regressor):
    """Predicts the channel's mean plus a fitted residual.

    Under a split by time the early training videos have short channel histories and the later ones long ones, so a
    slope on the channel's mean learned there is too flat. The empirical-Bayes mean is already shrunk by the length of
    the history; learning only the residual starts from slope 1.
    """

    learns = "target_log over channel_mean"

    def _fit(self, train: Dataset, val: Dataset) -> None:
        self._channel_mean = ChannelMean(seed=self.seed).fit(train, val)
        self._fit_residual(self._over_channel_mean(train), self._over_channel_mean(val))

    def _over_channel_mean(self, videos: Dataset) -> Dataset:
        return replace(videos, target_log=videos.targets - self._channel_mean.predict(videos))

    def _predict(self, videos: Dataset) -> Vector:
        return self._channel_mean.predict(videos) + self._predict_residual(videos)

    def _save(self, folder: Path) -> None:
        (folder / "channel_mean").mkdir()
        self._channel_mean.save(folder / "channel_mean")
        self._save_residual(folder)

    def _load(self, folder: Path) -> None:
        self._channel_mean = ChannelMean.load(folder / "channel_mean")
        self._load_residual(folder)

    @abstractmethod
    def _fit_residual(self, train: Dataset, val: Dataset) -> None: ...

    @abstractmethod
    def _predict_residual(self, videos: Dataset) -> Vector: ...

    @abstractmethod
    def _save_residual(self, folder: Path) -> None: ...

    @abstractmethod
    def _load_residual(self, folder: Path) -> None: ...
