"""Boosted trees as scikit-learn grows them, on metadata and the vector that a net projected."""

from pathlib import Path

import numpy as np
from pydantic import Field

from vidrank_assets.models import skops_file
from vidrank_assets.models.base import Dataset, Findings, Parameters, Step, Vector
from vidrank_assets.models.neural_projector import NeuralProjector
from vidrank_assets.models.residual import ResidualRegressor
from vidrank_assets.models.tabular import Matrix64, TreeColumns
from vidrank_assets.models.training.torch_fit import Training

#: scikit-learn's trees tell 255 levels of a category apart; two codes are those of rare and of missing ones.
MOST_LEVELS = 253


class GBDTParameters(Parameters):
    """What may be set of `gbdt`."""

    learning_rate: float = Field(0.05, gt=0, description="share of each tree that is added")
    max_depth: int = Field(6, ge=1, description="levels of a tree")
    max_rounds: int = Field(500, ge=1, description="trees, at most")
    min_samples_leaf: int = Field(20, ge=1, description="fewest training rows in a leaf")
    l2_regularization: float = Field(1e-4, ge=0, description="penalty on what a leaf adds")
    patience: int = Field(10, ge=1, description="rounds without a better error on val after which growing stops")
    projector_epochs: int = Field(15, ge=1, description="epochs of the projector, at most")


class GBDT(ResidualRegressor):
    """`HistGradientBoostingRegressor` on the metadata columns beside the 128 of `NeuralProjector`."""

    name = "gbdt"
    takes = GBDTParameters
    parameters: GBDTParameters

    @property
    def findings(self) -> Findings:
        scores = zip(self._trees.train_score_, self._trees.validation_score_, strict=True)
        curve = [  # a score is minus half the mean squared error; the first is that of no tree at all
            Step(number, float(np.sqrt(-2 * train)), float(np.sqrt(-2 * val)))
            for number, (train, val) in enumerate(scores)
        ]
        projector = {f"projector_{name}": fact for name, fact in self._projector.findings.facts.items()}
        facts = {"rounds": int(self._trees.n_iter_), **projector}
        return Findings(facts, curve, self._importances())

    def _importances(self) -> dict[str, float]:
        """Total gain by column; that of the projected columns together is `fused`."""
        # scikit-learn brings categorical columns to the front before it grows trees.
        names = sorted(self._columns.names, key=lambda name: name not in self._columns.categories)
        nodes = np.concatenate([tree.nodes for (tree,) in self._trees._predictors])
        places = np.minimum(nodes["feature_idx"], len(names))
        gains = np.bincount(places, np.where(nodes["is_leaf"], 0, nodes["gain"]), minlength=len(names) + 1)
        return dict(zip([*names, "fused"], gains.tolist(), strict=True))

    def _fit_residual(self, train: Dataset, val: Dataset) -> None:
        from sklearn.ensemble import HistGradientBoostingRegressor

        self._columns = TreeColumns(most_levels=MOST_LEVELS).fit(train.columns)
        self._empty = np.isnan(self._columns.transform(train.columns)).all(axis=0)
        training = Training(max_epochs=self.parameters.projector_epochs)
        self._projector = NeuralProjector().fit(train, val, training=training, seed=self.seed)
        trees = HistGradientBoostingRegressor(
            learning_rate=self.parameters.learning_rate,
            max_depth=self.parameters.max_depth,
            max_iter=self.parameters.max_rounds,
            min_samples_leaf=self.parameters.min_samples_leaf,
            l2_regularization=self.parameters.l2_regularization,
            n_iter_no_change=self.parameters.patience,
            early_stopping=True,
            categorical_features=self._columns.categorical,
            random_state=self.seed,
        )
        self._trees = trees.fit(self._matrix(train), train.targets, X_val=self._matrix(val), y_val=val.targets)

    def _matrix(self, videos: Dataset) -> Matrix64:
        columns = self._columns.transform(videos.columns)
        columns[:, self._empty] = 0  # scikit-learn 1.9 fails on a column without any number
        return np.hstack([columns, self._projector.transform(videos.fused)])

    def _predict_residual(self, videos: Dataset) -> Vector:
        return np.asarray(self._trees.predict(self._matrix(videos)), np.float64)

    def _save_residual(self, folder: Path) -> None:
        self._columns.save(folder)
        self._projector.save(folder)
        skops_file.write({"trees": self._trees, "empty": self._empty}, folder / "trees.skops")

    def _load_residual(self, folder: Path) -> None:
        self._columns = TreeColumns.load(folder)
        self._projector = NeuralProjector.load(folder)
        stored = skops_file.read(folder / "trees.skops")
        self._trees, self._empty = stored["trees"], stored["empty"]
