"""Log views at the horizon, linear in log views at the first capture."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.base import Dataset, Regressor, Vector

_VIEWS = "views_at_snapshot1"


class SzaboHuberman(Regressor):
    """Least squares of target_log on log1p(views at snapshot 1); the mean of train where that count is hidden.

    Source: Szabo & Huberman 2010, Predicting the popularity of online content, CACM 53(8): early and late views are
    linear on the log scale. The age at the first capture is not in it.
    """

    name = "szabo_huberman"

    def _fit(self, train: Dataset, val: Dataset) -> None:
        early, target = _log_views(train), train.targets
        seen = np.isfinite(early)
        self.mean, self.slope, self.intercept = float(target.mean()), 0.0, float(target.mean())
        if seen.any() and np.ptp(early[seen]) > 0:
            centred = early[seen] - early[seen].mean()
            self.slope = float(centred @ target[seen] / (centred @ centred))
            self.intercept = float(target[seen].mean() - self.slope * early[seen].mean())

    def _predict(self, videos: Dataset) -> Vector:
        early = _log_views(videos)
        return np.where(np.isfinite(early), self.intercept + self.slope * early, self.mean)

    def _save(self, folder: Path) -> None:
        fitted = {"mean": self.mean, "slope": self.slope, "intercept": self.intercept}
        (folder / "line.json").write_text(json.dumps(fitted))

    def _load(self, folder: Path) -> None:
        fitted = json.loads((folder / "line.json").read_text())
        self.mean, self.slope, self.intercept = fitted["mean"], fitted["slope"], fitted["intercept"]


def _log_views(videos: Dataset) -> Vector:
    """log1p(views at snapshot 1), (n_videos,); NaN where the count is hidden."""
    if _VIEWS not in videos.columns.columns:
        raise InvalidInput(
            f"szabo_huberman must have the column {_VIEWS}; it is not among the columns. "
            "Train it with the information set snapshot1, or leave it out."
        )
    return videos.columns[_VIEWS].cast(pl.Float64).log1p().fill_null(np.nan).to_numpy()
