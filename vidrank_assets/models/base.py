"""What a model family is: it learns `target_log` from what is known of videos, and predicts it for others."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from vidrank_assets.catalog import FAMILIES
from vidrank_assets.errors import InvalidInput, NotFitted
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.comparisons import Comparisons, Indices

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Dataset:
    """What is known of some videos, and, for training and scoring, what they reached.

    columns: n_videos rows of `metadata_features` of one information set, without `video_id`.
    fused: (n_videos, d_fused), rows in the order of `columns`. A video may be there twice, as known at two moments.
    target_log: (n_videos,), log1p of views at the horizon; None where it is to be predicted.
    comparisons: which of them did better than which, for families that learn from pairs; None as for targets.

    Raises InvalidInput: the parts differ in length, or a target is not finite.
    """

    columns: pl.DataFrame
    fused: Vectors
    target_log: Vector | None = None
    comparisons: Comparisons | None = None

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

    @property
    def modalities(self) -> Vectors:
        """The vectors of each modality, a block each; the fused vector where nothing else is known."""
        return self.fused.modalities

    @property
    def targets(self) -> Vector:
        """`target_log`, (n_videos,), where it has to be there.

        Raises InvalidInput: it is None.
        """
        if self.target_log is None:
            raise InvalidInput(f"these {len(self)} videos must have targets; they have none. Join their labels.")
        return self.target_log

    def rows(self, indices: Indices) -> "Dataset":
        """Some of the videos, in the order given."""
        chosen = [int(index) for index in indices]
        target = None if self.target_log is None else self.target_log[chosen]
        comparisons = self.comparisons and self.comparisons.rows(chosen)
        return Dataset(self.columns[chosen], self.fused.rows(chosen), target, comparisons)


@dataclass(frozen=True)
class Inputs:
    """What a fitted family reads: metadata columns with their types, the blocks of the fused vector, and modalities.

    modalities: the blocks of the unfused vectors; None where the family does not read them.
    """

    columns: pl.Schema
    fused: Mapping[str, int]
    modalities: Mapping[str, int] | None = None

    @classmethod
    def of(cls, videos: Dataset, *, modalities: bool) -> Self:
        """What is known of these videos."""
        unfused = dict(videos.modalities.blocks) if modalities else None
        return cls(videos.columns.schema, dict(videos.fused.blocks), unfused)

    def arranged(self, videos: Dataset, reader: str) -> Dataset:
        """The same videos with their columns in this order.

        Raises InvalidInput: other columns, types or blocks than these.
        """
        found = Inputs.of(videos, modalities=self.modalities is not None)
        differing = {name for name, _ in set(found.columns.items()) ^ set(self.columns.items())}
        blocks = (("fused", found.fused, self.fused), ("unfused", found.modalities or {}, self.modalities or {}))
        for kind, theirs, ours in blocks:
            if list(theirs.items()) != list(ours.items()):
                differing |= {f"{kind} {name}" for name in (*theirs, *ours)}
        if differing:
            raise InvalidInput(
                f"columns and blocks of vectors must be those {reader} was fitted on; these differ: "
                f"{', '.join(sorted(differing))}. Make them with the same information set, encoders and version."
            )
        return replace(videos, columns=videos.columns.select(self.columns.names()))

    def save(self, folder: Path) -> None:
        """Write them into an existing folder."""
        self.columns.to_frame().write_ipc(folder / "columns.arrow")
        blocks = {"fused": self.fused, "modalities": self.modalities}
        (folder / "blocks.json").write_text(json.dumps(blocks))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        columns = pl.Schema(pl.read_ipc_schema(folder / "columns.arrow"))
        return cls(columns, **json.loads((folder / "blocks.json").read_text()))


class Parameters(BaseModel):
    """What may be set of a family: one field each, with its default and its meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(NamedTuple):
    """An epoch of a net or a round of trees: root mean squared errors of what is learned; train's may be unknown."""

    number: int
    train_rmse: float | None
    val_rmse: float


@dataclass(frozen=True)
class Findings:
    """What a fit leaves behind for people.

    facts: what it chose by itself, such as `alpha`, `best_round` or `device`. curve: how it learned, step by step.
    importances: by column, higher is more; only comparable within one family.
    """

    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    curve: Sequence[Step] = ()
    importances: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """The findings that `dataclasses.asdict` made these of."""
        return cls(stored["facts"], [Step(*step) for step in stored["curve"]], stored["importances"])


class Regressor(ABC):
    """Predicts log1p of views at the horizon.

    A family writes `_fit`, `_predict`, `_save` and `_load`; what is true of every family is checked here, once.
    One that has something to set says so: a subclass of `Parameters` as `takes`, and `parameters` annotated with it.
    """

    #: The catalog name, which is also the file's, the asset's and the leaderboard row's.
    name: ClassVar[str]
    #: What the family is fitted to, as its leaderboard row says it.
    learns: ClassVar[str] = "target_log"
    #: Whether it reads the vectors of each modality, which others may be spared.
    reads_modalities: ClassVar[bool] = False
    #: What may be set.
    takes: ClassVar[type[Parameters]] = Parameters

    parameters: Parameters

    def __init__(self, *, seed: int = 42, **parameters: Any) -> None:
        """Raises InvalidInput: a parameter that the family does not take, or a value outside its bounds."""
        self.seed = seed
        try:
            self.parameters = self.takes(**parameters)
        except ValidationError as fault:
            wrong = "; ".join(f"{each['loc'][0]}: {each['msg']}, got {each['input']!r}" for each in fault.errors())
            raise InvalidInput(
                f"{self.name} must be given parameters that it takes, which are "
                f"{', '.join(self.takes.model_fields) or 'none'}; found {wrong}. Correct them in the configuration."
            ) from None
        self._inputs: Inputs | None = None
        self._workplace: Path | None = None

    @property
    def findings(self) -> Findings:
        """What the last `fit` found; what a stored family does not keep of it is empty after `load`."""
        return Findings()

    def modality_weights(self, videos: Dataset) -> Mapping[str, Vector]:
        """How much each modality counts for each video, (n_videos,) by modality, summing to 1; empty without gates."""
        return {}

    def fit(self, train: Dataset, val: Dataset, *, workplace: Path | None = None) -> Self:
        """Learn from `train`; `val` is for early stopping and for nothing else.

        workplace: a folder on this machine where a long training keeps what it needs to go on after it was killed.
        Raises InvalidInput: a part has no rows, no targets or no comparisons that it needs, or other columns.
        """
        for part, rows in (("train", train), ("val", val)):
            if rows.target_log is None or not len(rows):
                raise InvalidInput(
                    f"{part} must have rows with targets; {self.name} got {len(rows)} rows. "
                    "Check the split and the label coverage of the horizon."
                )
        self._workplace = workplace
        self._inputs = None  # a fit that fails half-way leaves an unfitted family
        inputs = Inputs.of(train, modalities=self.reads_modalities)
        self._fit(train, inputs.arranged(val, self.name))
        self._inputs = inputs
        return self

    def predict(self, videos: Dataset) -> Vector:
        """Predicted target_log, (n_videos,), finite; each video's depends on that video only.

        Raises NotFitted: before `fit`. InvalidInput: other columns or blocks than those of `fit`.
        """
        videos = self._fitted_inputs("predicts").arranged(videos, self.name)
        return self._one_each(videos, self._predict) if len(videos) else np.empty(0)

    def held_out(self, val: Dataset) -> Vector:
        """What val is judged by, (n_videos,): `predict`, without what the last `fit` learned of a video's own target.

        val: as `fit` was given it. Another number than `predict` gives where a family is calibrated on val: it would
        seem better there than it is, and than families that are not.
        """
        return self.predict(val)

    def scores(self, videos: Dataset) -> Vector:
        """What two videos of one channel are compared by, (n_videos,), finite, higher is better, in log views.

        As `predict`, but for a family whose predictions are equal where its scores are not. Raises what that raises.
        """
        videos = self._fitted_inputs("scores").arranged(videos, self.name)
        return self._one_each(videos, self._scores) if len(videos) else np.empty(0)

    def _one_each(self, videos: Dataset, predict: Callable[[Dataset], Vector]) -> Vector:
        predicted = np.asarray(predict(videos), np.float64)
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
        self._fitted_inputs("is saved").save(folder)
        settings = {"seed": self.seed, **self.parameters.model_dump(mode="json")}
        (folder / "parameters.json").write_text(json.dumps(settings, indent=1))
        self._save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The family that `save` wrote, predicting the same to the bit."""
        model = cls(**json.loads((folder / "parameters.json").read_text()))
        model._inputs = Inputs.load(folder)
        model._load(folder)
        return model

    def _fitted_inputs(self, act: str) -> Inputs:
        if self._inputs is None:
            raise NotFitted(f"{self.name} must be fitted before it {act}. Call fit, or load a stored one.")
        return self._inputs

    @abstractmethod
    def _fit(self, train: Dataset, val: Dataset) -> None: ...

    @abstractmethod
    def _predict(self, videos: Dataset) -> Vector: ...

    def _scores(self, videos: Dataset) -> Vector:
        return self._predict(videos)

    @abstractmethod
    def _save(self, folder: Path) -> None: ...

    @abstractmethod
    def _load(self, folder: Path) -> None: ...


def load_family(name: str) -> type[Regressor]:
    """The model family listed under `name`."""
    family: type[Regressor] = FAMILIES.load(name)
    return family
