"""Boosted trees on metadata alone: what thumbnail and title have to add to."""

from pathlib import Path

from vidrank_assets.models.base import Dataset, Vector
from vidrank_assets.models.boosting import BoostedTrees, TreeInputs
from vidrank_assets.models.residual import ResidualRegressor
from vidrank_assets.models.tabular import TreeColumns


class MetadataLightGBM(ResidualRegressor):
    """Trees on the metadata columns; the fused vector is not read."""

    name = "metadata_lightgbm"

    def _fit_residual(self, train: Dataset, val: Dataset) -> None:
        self._columns = TreeColumns().fit(train.columns)
        self._trees = BoostedTrees.fit(
            self._tree_inputs(train),
            train.targets,
            val=self._tree_inputs(val),
            val_target=val.targets,
            seed=self.seed,
        )

    def _tree_inputs(self, videos: Dataset) -> TreeInputs:
        return TreeInputs(self._columns.transform(videos.columns), self._columns.names, self._columns.categorical)

    def _predict_residual(self, videos: Dataset) -> Vector:
        return self._trees.predict(self._tree_inputs(videos))

    @property
    def importances(self) -> dict[str, float]:
        """Total gain by column."""
        return self._trees.importances

    def _save_residual(self, folder: Path) -> None:
        self._columns.save(folder / "tree_columns.json")
        self._trees.save(folder / "trees.txt")

    def _load_residual(self, folder: Path) -> None:
        self._columns = TreeColumns.load(folder / "tree_columns.json")
        self._trees = BoostedTrees.load(folder / "trees.txt")
