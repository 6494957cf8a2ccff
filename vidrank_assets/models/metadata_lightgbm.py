"""Boosted trees on metadata alone: what thumbnail and title have to add to."""

from pathlib import Path

from vidrank_assets.models.base import Dataset, Findings, Vector
from vidrank_assets.models.boosting import BoostedTrees, Device, TreeInputs, TreeParameters
from vidrank_assets.models.residual import ResidualRegressor
from vidrank_assets.models.tabular import TreeColumns


class MetadataTreeParameters(TreeParameters):
    """On the CPU: a few dozen columns are split there faster than they are copied to a GPU."""

    device: Device = "cpu"


class MetadataLightGBM(ResidualRegressor):
    """Trees on the metadata columns; the fused vector is not read."""

    name = "metadata_lightgbm"
    takes = MetadataTreeParameters
    parameters: MetadataTreeParameters

    def _fit_residual(self, train: Dataset, val: Dataset) -> None:
        self._columns = TreeColumns().fit(train.columns)
        self._trees = BoostedTrees.fit(
            self._tree_inputs(train),
            train.targets,
            val=self._tree_inputs(val),
            val_target=val.targets,
            parameters=self.parameters,
            seed=self.seed,
        )

    def _tree_inputs(self, videos: Dataset) -> TreeInputs:
        return TreeInputs(self._columns.transform(videos.columns), self._columns.names, self._columns.categorical)

    def _predict_residual(self, videos: Dataset) -> Vector:
        return self._trees.predict(self._tree_inputs(videos))

    @property
    def findings(self) -> Findings:
        """Device, rounds and curve; and the total gain by column, which the stored trees keep too."""
        return self._trees.findings

    def _save_residual(self, folder: Path) -> None:
        self._columns.save(folder)
        self._trees.save(folder / "trees.txt")

    def _load_residual(self, folder: Path) -> None:
        self._columns = TreeColumns.load(folder)
        self._trees = BoostedTrees.load(folder / "trees.txt")
