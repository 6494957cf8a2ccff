"""Boosted trees on metadata and the projected fused vector."""

from pathlib import Path

from vidrank_assets.models.base import Dataset, Findings, Vector
from vidrank_assets.models.boosting import BoostedTrees, TreeInputs, TreeParameters
from vidrank_assets.models.linear_projector import LinearProjector
from vidrank_assets.models.residual import ResidualRegressor
from vidrank_assets.models.tabular import Matrix64, TreeColumns


class LightGBM(ResidualRegressor):
    """Trees on the metadata columns beside the columns that `LinearProjector` makes of the fused vector."""

    name = "lightgbm"
    takes = TreeParameters
    parameters: TreeParameters

    def _fit_residual(self, train: Dataset, val: Dataset) -> None:
        self._columns = TreeColumns().fit(train.columns)
        self._projector = LinearProjector(seed=self.seed)
        projected = self._projector.fit(train)
        self._trees = BoostedTrees.fit(
            self._tree_inputs(train, projected),
            train.targets,
            val=self._tree_inputs(val, self._projector.transform(val.fused)),
            val_target=val.targets,
            parameters=self.parameters,
            seed=self.seed,
        )

    def _tree_inputs(self, videos: Dataset, projected: Matrix64) -> TreeInputs:
        matrix = self._columns.transform(videos.columns)
        metadata = TreeInputs(matrix, self._columns.names, self._columns.categorical)
        return metadata.beside(projected, self._projector.names)

    def _predict_residual(self, videos: Dataset) -> Vector:
        return self._trees.predict(self._tree_inputs(videos, self._projector.transform(videos.fused)))

    @property
    def findings(self) -> Findings:
        """Device, rounds and curve; and the total gain by column, which the stored trees keep too."""
        return self._trees.findings

    def _save_residual(self, folder: Path) -> None:
        self._columns.save(folder)
        self._projector.save(folder / "projector.npz")
        self._trees.save(folder / "trees.txt")

    def _load_residual(self, folder: Path) -> None:
        self._columns = TreeColumns.load(folder)
        self._projector = LinearProjector.load(folder / "projector.npz")
        self._trees = BoostedTrees.load(folder / "trees.txt")
