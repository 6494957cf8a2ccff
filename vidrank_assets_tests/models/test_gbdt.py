from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from vidrank_assets.models.gbdt import GBDT


@pytest.fixture(scope="module")
def fitted(train, val):
    return GBDT(max_rounds=40, projector_epochs=2).fit(train, val)


def test_its_curve_is_the_error_of_what_it_learned(fitted, train, val):
    curve = fitted.findings.curve
    for part, error in ((train, curve[-1].train_rmse), (val, curve[-1].val_rmse)):
        assert error == pytest.approx(np.sqrt(np.mean((fitted.predict(part) - part.targets) ** 2)))
    assert [step.number for step in curve] == list(range(41))
    assert fitted.findings.facts["rounds"] == 40


def test_gain_is_given_by_column_and_for_the_fused_vector_as_one(fitted, train):
    importances = fitted.findings.importances
    assert set(importances) == {*train.columns.columns, "fused"}
    assert importances["fused"] > 10 * importances["title_length"]
    assert importances["default_language"] == 0  # nothing is known of it


def test_gain_of_a_category_is_its_own(train, val):
    def by_category(videos):
        level = videos.columns["category_id"].cast(pl.Float64).fill_null(9).to_numpy()
        return replace(videos, columns=videos.columns.drop("channel_target_mean"), target_log=8 + (level == 2) * 3.0)

    fitted = GBDT(max_rounds=10, projector_epochs=1).fit(by_category(train), by_category(val))
    importances = fitted.findings.importances
    assert importances["category_id"] > 0.8 * sum(importances.values())


def test_growing_stops_by_val(train, val):
    noise = replace(val, target_log=np.random.default_rng(0).permutation(val.targets))
    facts = GBDT(projector_epochs=1, patience=5).fit(train, noise).findings.facts
    assert facts["rounds"] < 100


def test_more_levels_than_scikit_learn_tells_apart_are_taken(val):
    many = val.rows(np.arange(4_000) % len(val))
    many = replace(many, columns=many.columns.with_columns(query=pl.Series([f"level {i % 400}" for i in range(4_000)])))
    fitted = GBDT(max_rounds=2, projector_epochs=1).fit(many, many)
    assert np.isfinite(fitted.predict(many)).all()
