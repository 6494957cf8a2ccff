"""Linear regression, within channels: how a video that looks like this differs from what its channel reached."""

from collections.abc import Iterator
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from vidrank_assets.features.vectors import Matrix
from vidrank_assets.models.base import Dataset, Findings, Parameters, Vector
from vidrank_assets.models.gram import CrossValidatedRidge, Gram, grams_by_fold
from vidrank_assets.models.linear import ALPHAS, N_FOLDS, row_blocks
from vidrank_assets.models.ranking.ranking_regressor import RankingRegressor, Unseen, channel_folds, compared
from vidrank_assets.models.ranking_inputs import RankingInputs, shown
from vidrank_assets.models.tabular import Matrix64


class ChannelResidualParameters(Parameters):
    """What may be set of `channel_residual`."""

    alphas: list[PositiveFloat] = Field(list(ALPHAS), min_length=1, description="penalties to choose from")
    n_folds: int = Field(N_FOLDS, ge=2, description="folds of channels of the cross-validation that chooses")


class ChannelResidual(RankingRegressor):
    """Ridge regression of the target on image and title vectors, all of them less their channel's mean in train.

    What a channel always does, in its pictures as in its views, so explains nothing: only differences between videos of
    one channel do. The penalty is the one that cross-validation with whole channels left out prefers.
    Source: the within estimator of panel data; Mundlak 1978, On the pooling of time series and cross section data.
    """

    name = "channel_residual"
    learns = "target_log less the channel's mean in train"
    learns_from_pairs = True  # of the comparisons it reads whose channel is whose
    takes = ChannelResidualParameters
    parameters: ChannelResidualParameters
    _findings = Findings()

    def _fit_ranks(self, train: Dataset, val: Dataset) -> Unseen:
        channel, vectors = compared(train).channel, shown(train.modalities)
        order = np.argsort(channel, kind="stable")
        by_channel = channel[order]
        folds = channel_folds(by_channel, self.parameters.n_folds, self.seed)
        self._scaled = RankingInputs().fit(vectors)
        targets = less_channel_mean(train.targets[order, np.newaxis], by_channel)
        grams = grams_by_fold(self._within(vectors.matrix, order, by_channel), targets, folds)
        ridge = CrossValidatedRidge.of(grams, self.parameters.alphas)
        self._weights = ridge.coefficients[:, 0]
        self._findings = Findings(
            facts={"alpha": float(ridge.alphas[0]), "n_folds": len(grams)},
            importances=_importances(dict(vectors.blocks), self._weights, reduce(add, grams)),
        )
        ranks = np.empty(len(train))
        for fold, weights in enumerate(ridge.fold_coefficients[:, :, 0]):
            rows = order[folds == fold]
            ranks[rows] = self._scaled.weighted(vectors.matrix[rows], weights)
        return Unseen(train, ranks)

    def _within(self, matrix: Matrix, order: NDArray[np.int64], by_channel: NDArray[np.int64]) -> Iterator[Matrix64]:
        """The scaled rows less their channel's mean, in `order`, whole channels at a time."""
        for rows in whole_channels(by_channel):
            yield less_channel_mean(self._scaled.transform(matrix[order[rows]]), by_channel[rows])

    def _ranks(self, videos: Dataset) -> Vector:
        return self._scaled.weighted(shown(videos.modalities).matrix, self._weights)

    @property
    def findings(self) -> Findings:
        """Penalty and folds; and how much each modality moves scores within a channel, as a standard deviation."""
        return self._findings

    def _save_ranks(self, folder: Path) -> None:
        self._scaled.save(folder / "weights.npz", self._weights)

    def _load_ranks(self, folder: Path) -> None:
        self._scaled, self._weights = RankingInputs.load(folder / "weights.npz")


def less_channel_mean(columns: Matrix64, by_channel: NDArray[np.int64]) -> Matrix64:
    """(n_videos, n_columns) less the mean of the rows of the same channel; channels must stand together."""
    starts = np.flatnonzero(np.diff(by_channel, prepend=by_channel[0] - 1))
    sizes = np.diff([*starts, len(by_channel)])
    means = np.add.reduceat(columns, starts, axis=0) / sizes[:, np.newaxis]
    within: Matrix64 = columns - np.repeat(means, sizes, axis=0)
    return within


def whole_channels(by_channel: NDArray[np.int64]) -> Iterator[slice]:
    """Consecutive slices of about as many rows as `row_blocks`, none of which ends within a channel."""
    start = 0
    for block in row_blocks(len(by_channel)):
        end = min(block.stop, len(by_channel))
        while end < len(by_channel) and by_channel[end] == by_channel[end - 1]:
            end += 1
        if end > start:
            yield slice(start, end)
            start = end


def _importances(blocks: dict[str, int], weights: Vector, within: Gram) -> dict[str, float]:
    """The standard deviation, within channels of train, of what each block adds to the score."""
    importances, start = {}, 0
    for name, width in blocks.items():
        part = slice(start, start + width)
        variance = float(weights[part] @ within.xx[part, part] @ weights[part]) / within.n_rows
        importances[name] = float(np.sqrt(max(variance, 0.0)))  # rounding may take a constant below 0
        start += width
    return importances
