"""Logistic regression on which of two pictures won, from the numbers of the pictures alone."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from vidrank_assets.features.vectors import Matrix, Vectors
from vidrank_assets.models.base import Dataset, Findings, Parameters, Vector
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.models.gram import Folds
from vidrank_assets.models.linear import row_blocks
from vidrank_assets.models.ranking.ranking_regressor import (
    RankingRegressor,
    Unseen,
    channel_folds,
    compared,
    winners_and_losers,
)
from vidrank_assets.models.ranking_inputs import RankingInputs, blocks_of
from vidrank_assets.models.tabular import Matrix64

_MOST_ITERATIONS = 1_000


class ImageLogisticParameters(Parameters):
    """What may be set of `image_logistic`."""

    strengths: list[PositiveFloat] = Field(
        [0.01, 0.1, 1.0, 10.0, 100.0], min_length=1, description="inverse penalties to choose from, as scikit-learn's C"
    )
    n_folds: int = Field(5, ge=2, description="folds of channels of the cross-validation that chooses")
    max_pairs: int = Field(20_000, ge=2, description="pairs that it learns from, at most; drawn at random of more")


class ImageLogistic(RankingRegressor):
    """The log odds that a wins are w · (picture of a - picture of b), without intercept; the score is w · picture.

    It reads the image block alone: with the default encoder these are statistics of the thumbnail's colours, layout and
    edges, with another it is that encoder's vector. A video without a picture ranks as an average one, and where no
    video has one all rank alike. The penalty is the one with the highest likelihood when whole channels are left out.
    Source: Bradley & Terry 1952, Rank analysis of incomplete block designs, with scores linear in what is seen.
    """

    name = "image_logistic"
    learns = "winner of a pair"
    takes = ImageLogisticParameters
    parameters: ImageLogisticParameters
    _findings = Findings()

    def _fit_ranks(self, train: Dataset, val: Dataset) -> Unseen:
        pictures, comparisons = blocks_of(train.modalities, ("image",)), compared(train)
        self._scaled = RankingInputs().fit(pictures)
        pairs = self._pairs(pictures, comparisons)
        folds = channel_folds(comparisons.channel, self.parameters.n_folds, self.seed)
        gaps = self._gaps(pictures.matrix, pairs)
        strength, by_fold = self._chosen(gaps, folds[pairs[:, 0]], folds[pairs[:, 1]])
        self._weights = bradley_terry(gaps, strength)
        self._findings = Findings({"strength": strength, "n_pairs": len(pairs), "d_picture": gaps.shape[1]})
        ranks = np.empty(len(train))
        for fold in range(folds.max() + 1):
            ranks[folds == fold] = self._scaled.weighted(pictures.matrix[folds == fold], by_fold[fold])
        return Unseen(train, ranks)

    def _pairs(self, pictures: Vectors, comparisons: Comparisons) -> NDArray[np.int64]:
        """The rows of winner and loser of pairs that both have a picture, (n_pairs, 2)."""
        pairs = winners_and_losers(comparisons)
        there = np.asarray(pictures.matrix.any(axis=1))
        pairs = pairs[there[pairs].all(axis=1)]
        if len(pairs) > self.parameters.max_pairs:
            drawn = np.random.default_rng(self.seed).choice(len(pairs), self.parameters.max_pairs, replace=False)
            pairs = pairs[np.sort(drawn)]
        return pairs

    def _gaps(self, matrix: Matrix, pairs: NDArray[np.int64]) -> Matrix64:
        """Winner less loser, (n_pairs, d_picture)."""
        gaps = np.empty((len(pairs), matrix.shape[1]))
        for rows in row_blocks(len(pairs)):
            winner, loser = (self._scaled.transform(matrix[pairs[rows, side]]) for side in (0, 1))
            gaps[rows] = winner - loser
        return gaps

    def _chosen(self, gaps: Matrix64, winner_fold: Folds, loser_fold: Folds) -> tuple[float, list[Vector]]:
        """The strength under which pairs of left-out videos are most likely, and the weights without each fold."""
        losses, weights = [], []
        for strength in self.parameters.strengths:
            by_fold, loss = [], 0.0
            for fold in range(self.parameters.n_folds):
                of_winner, of_loser = winner_fold == fold, loser_fold == fold
                by_fold.append(bradley_terry(gaps[~of_winner & ~of_loser], strength))
                loss += float(np.logaddexp(0, -gaps[of_winner | of_loser] @ by_fold[-1]).sum())
            losses.append(loss)
            weights.append(by_fold)
        best = int(np.argmin(losses))
        return self.parameters.strengths[best], weights[best]

    def _ranks(self, videos: Dataset) -> Vector:
        return self._scaled.weighted(blocks_of(videos.modalities, ("image",)).matrix, self._weights)

    @property
    def findings(self) -> Findings:
        """The inverse penalty, and how many pairs and numbers a picture it was fitted on."""
        return self._findings

    def _save_ranks(self, folder: Path) -> None:
        self._scaled.save(folder / "weights.npz", self._weights)

    def _load_ranks(self, folder: Path) -> None:
        self._scaled, self._weights = RankingInputs.load(folder / "weights.npz")


def bradley_terry(gaps: Matrix64, strength: float) -> Vector:
    """The weights, (d_columns,), that make `winner less loser` likely to be above 0; zeros of fewer than two pairs.

    gaps: (n_pairs, d_columns). strength: the inverse penalty on the squared weights.
    """
    from sklearn.linear_model import LogisticRegression

    if len(gaps) < 2 or not gaps.shape[1]:  # noqa: PLR2004
        return np.zeros(gaps.shape[1])
    # Without intercept it is the same which way round a pair stands; scikit-learn asks for both outcomes.
    signs = np.where(np.arange(len(gaps)) % 2, -1.0, 1.0)
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=_MOST_ITERATIONS)
    weights: Vector = model.fit(gaps * signs[:, np.newaxis], signs > 0).coef_[0]
    return weights
