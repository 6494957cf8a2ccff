"""Linear regression with an L2 penalty, on metadata and the fused vector."""

import math
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from pydantic import Field, PositiveFloat

from vidrank_assets.models import skops_file
from vidrank_assets.models.base import Dataset, Findings, Parameters, Vector
from vidrank_assets.models.gram import CrossValidatedRidge, Gram, grams_by_fold, shuffled_folds
from vidrank_assets.models.linear import ALPHAS, N_FOLDS, LinearInputs
from vidrank_assets.models.residual import ResidualRegressor


class RidgeParameters(Parameters):
    """What may be set of `ridge`."""

    alphas: list[PositiveFloat] = Field(list(ALPHAS), min_length=1, description="penalties to choose from")
    n_folds: int = Field(N_FOLDS, ge=2, description="folds of the cross-validation that chooses")


class Ridge(ResidualRegressor):
    """Standardised metadata beside the fused vector, and the penalty that cross-validation on train prefers.

    The folds are dealt at random from the seed. Medians, levels and scales are those of all of train: they look at no
    target, and only so can the folds share one pass.
    """

    name = "ridge"
    takes = RidgeParameters
    parameters: RidgeParameters
    _findings = Findings()

    def _fit_residual(self, train: Dataset, val: Dataset) -> None:
        self._linear_inputs = LinearInputs().fit(train)
        folds = shuffled_folds(len(train), self.parameters.n_folds, self.seed)
        grams = grams_by_fold(self._linear_inputs.blocks(train), train.targets[:, np.newaxis], folds)
        ridge = CrossValidatedRidge.of(grams, self.parameters.alphas)
        self._coefficients, self._intercept = ridge.coefficients[:, 0], ridge.intercepts[0]
        self._findings = Findings(
            facts={"alpha": float(ridge.alphas[0]), "n_folds": len(grams)},
            importances=_importances(self._linear_inputs.sources(train), self._coefficients, reduce(add, grams)),
        )

    @property
    def findings(self) -> Findings:
        """Penalty and folds; and how much the values of each column move predictions, as a standard deviation."""
        return self._findings

    def _predict_residual(self, videos: Dataset) -> Vector:
        blocks = self._linear_inputs.blocks(videos)
        return np.concatenate([self._intercept + block @ self._coefficients for block in blocks])

    def _save_residual(self, folder: Path) -> None:
        coefficients = {"coefficients": self._coefficients, "intercept": float(self._intercept)}
        skops_file.write({"inputs": self._linear_inputs.estimators, **coefficients}, folder / "pipeline.skops")

    def _load_residual(self, folder: Path) -> None:
        fitted = skops_file.read(folder / "pipeline.skops")
        self._linear_inputs = LinearInputs.of(fitted["inputs"])
        self._coefficients, self._intercept = fitted["coefficients"], fitted["intercept"]


def _importances(sources: list[str], coefficients: Vector, train: Gram) -> dict[str, float]:
    """The standard deviation over `train` of what each source adds to the prediction.

    Of one column that is its absolute standardised coefficient; of a category's levels or a fused block, whose columns
    move together, it is that of their sum.
    """
    importances = {}
    for source in dict.fromkeys(sources):
        places = np.flatnonzero([each == source for each in sources])
        weights = coefficients[places]
        variance = float(weights @ train.xx[np.ix_(places, places)] @ weights) / train.n_rows
        importances[source] = math.sqrt(max(variance, 0.0))  # rounding may take a constant below 0
    return importances
