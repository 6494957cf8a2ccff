"""Boosted trees as LightGBM grows them: the part that the LightGBM families share."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field

from vidrank_assets.models.base import Findings, Parameters, Step, Vector
from vidrank_assets.models.tabular import Matrix64

#: Below so many rows threads wait for each other longer than they work; from there on LightGBM takes every core.
FEWEST_ROWS_FOR_THREADS = 10_000

#: What no one has to set. `deterministic` and `force_row_wise` make the trees the same whatever the number of threads.
_FIXED: dict[str, Any] = {
    "objective": "regression",
    "metric": "rmse",
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}

#: One of these is there where a program can reach an NVIDIA GPU.
_NVIDIA = (Path("/dev/nvidiactl"), Path("/dev/dxg"))

_TRIAL = """
import lightgbm, numpy
rows = numpy.random.default_rng(0).normal(size=(200, 3))
parameters = {"objective": "regression", "device_type": DEVICE, "verbosity": -1}
lightgbm.train(parameters, lightgbm.Dataset(rows, rows[:, 0]), num_boost_round=2)
"""
_TRIAL_SECONDS = 120


#: Where trees are grown.
Device = Annotated[Literal["auto", "cpu"], Field(description="auto: a GPU where LightGBM can use one")]


class TreeParameters(Parameters):
    """What may be set of trees that LightGBM grows."""

    learning_rate: float = Field(0.05, gt=0, description="share of each tree that is added")
    num_leaves: int = Field(15, ge=2, description="leaves of a tree, at most")
    min_data_in_leaf: int = Field(20, ge=1, description="fewest training rows in a leaf")
    lambda_l2: float = Field(1.0, ge=0, description="penalty on what a leaf adds")
    feature_fraction: float = Field(0.6, gt=0, le=1, description="share of the columns that a tree sees")
    bagging_fraction: float = Field(0.8, gt=0, le=1, description="share of the rows that a tree sees")
    max_rounds: int = Field(2000, ge=1, description="trees, at most")
    patience: int = Field(50, ge=1, description="rounds without a better RMSE on val after which growing stops")
    device: Device = "auto"


@dataclass(frozen=True)
class TreeInputs:
    """What trees read of some videos: (n_videos, n_columns), the columns' names, and which of them are codes."""

    matrix: Matrix64
    names: Sequence[str]
    categorical: Sequence[int]

    def beside(self, matrix: Matrix64, names: Sequence[str]) -> "TreeInputs":
        """With more columns at the right."""
        return TreeInputs(np.hstack([self.matrix, matrix]), [*self.names, *names], self.categorical)


class BoostedTrees:
    """Squared error, stopped when `patience` rounds bring nothing on val.

    Source: Ke et al. 2017, LightGBM: a highly efficient gradient boosting decision tree, NeurIPS.
    """

    def __init__(self, booster: Any) -> None:
        self._booster = booster
        self._facts: dict[str, str | int] = {}
        self._curve: list[Step] = []

    @classmethod
    def fit(
        cls,
        train: TreeInputs,
        target: Vector,
        *,
        val: TreeInputs,
        val_target: Vector,
        parameters: TreeParameters,
        seed: int,
    ) -> Self:
        """Grow trees on train until val stops getting better."""
        import lightgbm

        device = device_type() if parameters.device == "auto" else "cpu"
        settings = _FIXED | parameters.model_dump(exclude={"max_rounds", "patience", "device"})
        settings |= {"seed": seed, "num_threads": _n_threads(train), "device_type": device}
        rows = lightgbm.Dataset(
            train.matrix,
            target,
            feature_name=list(train.names),
            categorical_feature=list(train.categorical),
            params=settings,
        )
        errors: dict[str, Any] = {}
        grown = lightgbm.train(
            settings,
            rows,
            num_boost_round=parameters.max_rounds,
            valid_sets=[rows, rows.create_valid(val.matrix, val_target)],
            valid_names=["train", "val"],
            callbacks=[
                lightgbm.early_stopping(parameters.patience, verbose=False),
                lightgbm.record_evaluation(errors),
            ],
        )
        # The fitted trees are the stored text, read again: so a loaded family cannot differ from the fitted one.
        text = grown.model_to_string(num_iteration=grown.best_iteration, importance_type="gain")
        trees = cls(lightgbm.Booster(model_str=text))
        trees._facts = {"device": device, "best_round": grown.best_iteration}
        pairs = zip(errors["train"]["rmse"], errors["val"]["rmse"], strict=True)
        trees._curve = [Step(number, *pair) for number, pair in enumerate(pairs, start=1)]
        return trees

    def predict(self, videos: TreeInputs) -> Vector:
        """(n_videos,)."""
        return np.asarray(self._booster.predict(videos.matrix, num_threads=_n_threads(videos)), np.float64)

    @property
    def importances(self) -> dict[str, float]:
        """Total gain by column."""
        gains = self._booster.feature_importance("gain")
        return dict(zip(self._booster.feature_name(), map(float, gains), strict=True))

    @property
    def findings(self) -> Findings:
        """Device, rounds and curve of the fit, which the stored trees do not keep; and the gains, which they do."""
        return Findings(self._facts, self._curve, self.importances)

    def save(self, path: Path) -> None:
        """Write the trees as LightGBM's text."""
        path.write_text(self._booster.model_to_string(importance_type="gain"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The trees that `save` wrote. A damaged file can end the process: verify its checksum first."""
        import lightgbm

        return cls(lightgbm.Booster(model_str=path.read_text()))


@cache
def device_type() -> str:
    """`cuda` or `gpu` where LightGBM grows trees on it, `cpu` elsewhere; tried once a process, and in one of its own.

    LightGBM as it comes from a package index often knows no GPU, and a driver that does not fit can end the process.
    """
    if not any(device.exists() for device in _NVIDIA):
        return "cpu"
    return next((device for device in ("cuda", "gpu") if _grows_on(device)), "cpu")


def _grows_on(device: str) -> bool:
    program = _TRIAL.replace("DEVICE", repr(device))
    try:
        trial = subprocess.run(  # noqa: S603
            [sys.executable, "-c", program], capture_output=True, timeout=_TRIAL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0


def _n_threads(videos: TreeInputs) -> int:
    """1, or 0 for every core; the trees are the same."""
    return 1 if len(videos.matrix) < FEWEST_ROWS_FOR_THREADS else 0
