"""One family on one grid partition: fitted on train, its predictions for val and test, and for honest pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import polars as pl

from vidrank_assets.catalog import FAMILIES, Origin
from vidrank_assets.models.base import Dataset, Findings, Parameters, Vector, load_family
from vidrank_assets.selection.task import SCORED, Cell, Task


class Model(Protocol):
    """What a fitted family and an ensemble of families have in common."""

    @property
    def name(self) -> str:
        """As its leaderboard row says it."""
        ...

    @property
    def learns(self) -> str:
        """What it is fitted to."""
        ...

    @property
    def seed(self) -> int:
        """Of everything random in its fit."""
        ...

    @property
    def parameters(self) -> Parameters:
        """What was set."""
        ...

    @property
    def findings(self) -> Findings:
        """What its fit found."""
        ...

    def predict(self, videos: Dataset) -> Vector:
        """Predicted target_log, (n_videos,)."""
        ...

    def scores(self, videos: Dataset) -> Vector:
        """What two videos of one channel are compared by, (n_videos,), higher is better."""
        ...

    def modality_weights(self, videos: Dataset) -> Mapping[str, Vector]:
        """How much each modality counts for each video; empty without gates."""
        ...

    def save(self, folder: Path) -> None:
        """Write it into an existing folder."""
        ...


@dataclass(frozen=True)
class Trial:
    """One family on one cell: the fitted model, what it predicted, and what it cost.

    predictions: the videos of val and test, as `Task.videos`, and y_pred; of val by `Regressor.held_out`.
    pair_predictions: their pairs: video_id_a, video_id_b, channel_id, split, target_a, target_b, and as score_a the
    score of a, as score_b that of b with its channel dated at a's publication.
    modality_weights: for a family with gates, the videos of val and test: video_id, split, and a column a modality.
    n_train: rows it was fitted on. fit_seconds and predict_ms_per_1k: measured, so they differ between runs.
    """

    cell: Cell
    model: Model
    predictions: pl.DataFrame
    pair_predictions: pl.DataFrame
    modality_weights: pl.DataFrame
    findings: Findings
    n_train: int
    fit_seconds: float
    predict_ms_per_1k: float

    @property
    def name(self) -> str:
        """The family's catalog name, or `ensemble`."""
        return self.model.name

    @property
    def origin(self) -> Origin:
        """Whose idea the family is; an ensemble, which no catalog lists, is ours."""
        return FAMILIES.entries[self.name].origin if self.name in FAMILIES.entries else "ours"

    @property
    def is_baseline(self) -> bool:
        """Whether every other family must beat it."""
        return self.origin == "baseline"


def trial(
    task: Task,
    family: str,
    *,
    seed: int = 42,
    parameters: Mapping[str, Any] | None = None,
    workplace: Path | None = None,
) -> Trial:
    """Fit `family` on train and predict val, test and their pairs.

    workplace: as `Regressor.fit` takes it.
    Raises UnknownName: the catalog lists no such family. InvalidInput: it cannot learn from these rows, or does not
    take these parameters.
    """
    started = perf_counter()
    train, val = task.parts["train"], task.parts["val"]
    model = load_family(family)(seed=seed, **(parameters or {})).fit(train, val, workplace=workplace)
    fitted = perf_counter()
    y_pred = {"val": model.held_out(val), "test": model.predict(task.parts["test"])}
    predicted = perf_counter()
    predictions = task.videos.with_columns(y_pred=pl.concat([pl.Series(y_pred[part]) for part in SCORED]))
    return Trial(
        cell=task.cell,
        model=model,
        predictions=predictions,
        pair_predictions=_scored_pairs(task, model),
        modality_weights=pl.concat([_weights(model, task, part) for part in SCORED]),
        findings=model.findings,
        n_train=len(task.parts["train"]),
        fit_seconds=fitted - started,
        predict_ms_per_1k=(predicted - fitted) * 1e6 / predictions.height,
    )


def _weights(model: Model, task: Task, part: str) -> pl.DataFrame:
    videos = task.videos.filter(split=part).select("video_id", "split")
    return videos.with_columns(**{k: pl.Series(v) for k, v in model.modality_weights(task.parts[part]).items()})


def _scored_pairs(task: Task, model: Model) -> pl.DataFrame:
    scores = pl.concat([pl.Series(model.scores(task.parts[part]), dtype=pl.Float64) for part in SCORED])
    score_a = task.videos.select(video_id_a="video_id", score_a=scores)
    scored = task.pairs.join(score_a, on="video_id_a", how="left", maintain_order="left")
    return scored.with_columns(score_b=pl.Series(model.scores(task.later), dtype=pl.Float64))
