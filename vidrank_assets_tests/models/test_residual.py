from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from vidrank_assets.models.residual import ResidualRegressor
from vidrank_assets.models.ridge import Ridge


class MeanResidual(ResidualRegressor):
    """The mean of what it was given to learn."""

    name = "ridge"

    def _fit_residual(self, train, val):
        self.seen, self.mean = (train.targets, val.targets), train.targets.mean()

    def _predict_residual(self, videos):
        return np.full(len(videos), self.mean)

    def _save_residual(self, folder): ...

    def _load_residual(self, folder):
        self.mean = 0.0


def test_what_is_learned_is_the_target_over_the_channel_mean(train, val):
    fitted = MeanResidual().fit(train, val)
    for videos, seen in zip((train, val), fitted.seen, strict=True):
        expected = videos.columns["channel_target_mean"].fill_null(train.targets.mean()).to_numpy()
        np.testing.assert_allclose(seen, videos.targets - expected)
        np.testing.assert_allclose(fitted.predict(videos), expected + fitted.mean)


def test_a_table_without_channel_history_is_learned_over_the_mean_of_train(train, val):
    without = [replace(part, columns=part.columns.drop("channel_target_mean")) for part in (train, val)]
    fitted = MeanResidual().fit(*without)
    np.testing.assert_allclose(fitted.seen[0], train.targets - train.targets.mean())


def test_the_channel_mean_is_stored_with_the_family(train, val, tmp_path):
    MeanResidual().fit(train, val).save(tmp_path)
    loaded = MeanResidual.load(tmp_path)
    unknown = val.columns.with_columns(channel_target_mean=pl.lit(None, dtype=pl.Float64))
    assert loaded.predict(replace(val, columns=unknown))[0] == pytest.approx(train.targets.mean())


def test_its_leaderboard_row_says_so():
    assert Ridge.learns == "target_log over channel_mean"
