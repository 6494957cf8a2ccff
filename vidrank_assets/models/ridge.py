"""Linear regression with an L2 penalty, on metadata and the fused vector."""

from pathlib import Path

import numpy as np

from vidrank_assets.models import skops_file
from vidrank_assets.models.base import Dataset, Vector
from vidrank_assets.models.linear import LinearInputs, fitted_ridge
from vidrank_assets.models.residual import ResidualRegressor


class Ridge(ResidualRegressor):
    """Standardised metadata beside the fused vector, and the penalty that cross-validation on train prefers."""

    name = "ridge"

    def _fit_residual(self, train: Dataset, val: Dataset) -> None:
        self._linear_inputs = LinearInputs().fit(train)
        self._ridge = fitted_ridge(self._linear_inputs.transform(train), train.targets)

    @property
    def alpha(self) -> float:
        """The chosen penalty."""
        return float(self._ridge.alpha_)

    def _predict_residual(self, videos: Dataset) -> Vector:
        return np.asarray(self._ridge.predict(self._linear_inputs.transform(videos)), np.float64)

    def _save_residual(self, folder: Path) -> None:
        fitted = {"inputs": self._linear_inputs.estimators, "ridge": self._ridge}
        skops_file.write(fitted, folder / "pipeline.skops")

    def _load_residual(self, folder: Path) -> None:
        fitted = skops_file.read(folder / "pipeline.skops")
        self._linear_inputs, self._ridge = LinearInputs.of(fitted["inputs"]), fitted["ridge"]
