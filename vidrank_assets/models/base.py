"""What a model family is: it learns `target_log` from what is known of videos, and predicts it for others."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.catalog import FAMILIES
from vidrank_assets.errors import InvalidInput, NotFitted
from vidrank_assets.features.vectors import Vectors

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Dataset:
    """What is known of some videos, and, for training and scoring, what they reached.

    columns: n_videos rows of `metadata_features` of one information set, without `video_id`.
    fused: (n_videos, d_fused), rows in the order of `columns`.
    target_log: (n_videos,), log1p of views at the horizon; None where it is to be predicted.

    Raises InvalidInput: the parts differ in length, or a target is not finite.
    """

    columns: pl.DataFrame
    fused: Vectors
    target_log: Vector | None = None

    def __post_init__(self) -> None:
        if self.columns.height != len(self.fused.video_ids):
            raise InvalidInput(
                f"columns must have one row per video; got {self.columns.height} rows for {len(self.fused.video_ids)} "
                "videos. Join them by video_id."
            )
        if self.target_log is None:
            return
        if self.target_log.shape != (len(self),) or not np.isfinite(self.target_log).all():
            raise InvalidInput(
                f"target_log must have one finite value per video; got shape {self.target_log.shape} for {len(self)} "
                "videos. Leave out videos without a label."
            )

    def __len__(self) -> int:
        return len(self.fused.video_ids)

    @property
    def video_ids(self) -> tuple[str, ...]:
        """(n_videos,), in row order."""
        return self.fused.video_ids

    def rows(self, indices: Sequence[int]) -> "Dataset":
        """Some of the videos, in the order given."""
        target = None if self.target_log is None else self.target_log[list(indices)]
        return Dataset(self.columns[list(indices)], self.fused.rows(indices), target)


class Regressor(ABC):
    """Predicts log1p of views at the horizon.

    A family writes `_fit`, `_predict`, `_save` and `_load`; what is true of every family is checked here, once.
    """

    #: The catalog name, which is also the file's, the asset's and the leaderboard row's.
    name: ClassVar[str]

    def __init__(self, *, seed: int = 42) -> None:
        self.seed = seed
        self._columns: pl.Schema | None = None

    def fit(self, train: Dataset, val: Dataset) -> Self:
        """Learn from `train`; `val` is for early stopping and for nothing else.

        Raises InvalidInput: a part has no targets or no rows.
        """
        for part, rows in (("train", train), ("val", val)):
            if rows.target_log is None or not len(rows):
                raise InvalidInput(
                    f"{part} must have rows with targets; {self.name} got {len(rows)} rows. "
                    "Check the split and the label coverage of the horizon."
                )
        self._fit(train, val)
        self._columns = train.columns.schema
        return self

    def predict(self, videos: Dataset) -> Vector:
        """Predicted target_log, (n_videos,), finite.

        Raises NotFitted: before `fit`. InvalidInput: other columns than those of `fit`.
        """
        columns = self._fitted_columns("predicts")
        if videos.columns.schema != columns:
            changed = sorted(set(videos.columns.schema.items()) ^ set(columns.items()), key=str)
            raise InvalidInput(
                f"columns must be those {self.name} was fitted on; these differ: {changed}. "
                "Make them with the same information set and the same version."
            )
        predicted = np.asarray(self._predict(videos), np.float64)
        if predicted.shape != (len(videos),) or not np.isfinite(predicted).all():
            raise InvalidInput(
                f"predictions must be finite, one per video; {self.name} gave shape {predicted.shape} with "
                f"{int((~np.isfinite(predicted)).sum())} not finite. Check the inputs for infinities."
            )
        return predicted

    def save(self, folder: Path) -> None:
        """Write the fitted family into an existing folder; nothing in it needs unpickling to be read.

        Raises NotFitted: before `fit`.
        """
        columns = self._fitted_columns("is saved")
        columns.to_frame().write_ipc(folder / "columns.arrow")
        self._save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The family that `save` wrote, predicting the same to the bit."""
        model = cls()
        model._columns = pl.Schema(pl.read_ipc_schema(folder / "columns.arrow"))
        model._load(folder)
        return model

    def _fitted_columns(self, act: str) -> pl.Schema:
        if self._columns is None:
            raise NotFitted(f"{self.name} must be fitted before it {act}. Call fit, or load a stored one.")
        return self._columns

    @abstractmethod
    def _fit(self, train: Dataset, val: Dataset) -> None: ...

    @abstractmethod
    def _predict(self, videos: Dataset) -> Vector: ...

    @abstractmethod
    def _save(self, folder: Path) -> None: ...

    @abstractmethod
    def _load(self, folder: Path) -> None: ...


def load_family(name: str) -> type[Regressor]:
    """The model family listed under `name`."""
    family: type[Regressor] = FAMILIES.load(name)
    return family
