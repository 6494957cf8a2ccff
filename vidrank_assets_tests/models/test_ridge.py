from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Peer
from sklearn.model_selection import GridSearchCV, KFold

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models import linear
from vidrank_assets.models.linear import ALPHAS, LinearInputs
from vidrank_assets.models.ridge import Ridge


def test_it_predicts_what_the_grid_search_of_scikit_learn_on_the_same_folds_predicts(train, val):
    model = Ridge(seed=7).fit(train, val)
    inputs = LinearInputs().fit(train)
    train_matrix, val_matrix = (np.vstack(list(inputs.blocks(part))) for part in (train, val))
    mean, val_mean = (model._channel_mean.predict(part) for part in (train, val))
    folds = KFold(10, shuffle=True, random_state=7)
    peer = GridSearchCV(Peer(), {"alpha": ALPHAS}, cv=folds, scoring="neg_mean_squared_error")
    peer.fit(train_matrix, train.targets - mean)
    assert model.findings.facts == {"alpha": peer.best_params_["alpha"], "n_folds": 10}
    np.testing.assert_allclose(model.predict(val) - val_mean, peer.predict(val_matrix), rtol=1e-9, atol=1e-9)


def test_the_penalty_is_one_of_those_asked(train, val):
    assert Ridge(alphas=[7.0]).fit(train, val).findings.facts == {"alpha": 7.0, "n_folds": 10}


@pytest.mark.parametrize("wrong", [{"alphas": []}, {"alphas": [0.0]}, {"alphas": [-1.0]}, {"n_folds": 1}])
def test_a_penalty_that_is_not_above_0_or_a_single_fold_is_refused(wrong):
    with pytest.raises(InvalidInput, match="ridge must be given parameters that it takes"):
        Ridge(**wrong)


def test_fewer_videos_than_folds_are_a_fold_each(train, val):
    few = Ridge(n_folds=20).fit(train.rows(range(12)), val)
    assert few.findings.facts["n_folds"] == 12


def test_every_column_and_fused_block_has_an_importance_and_what_drives_views_a_higher_one(train, val):
    importances = Ridge().fit(train, val).findings.importances
    assert set(importances) == {*train.columns.columns, "fused_image", "fused_text"}
    assert min(importances.values()) >= 0
    for noise in ("fused_text", "title_length", "title_has_digit"):
        assert importances[noise] < 0.2 * importances["fused_image"]


def test_a_column_that_never_changes_has_no_importance(train, val):
    assert Ridge().fit(train, val).findings.importances["default_language"] == pytest.approx(0, abs=1e-9)


def test_importance_is_the_spread_that_a_column_gives_predictions(train, val):
    model = Ridge().fit(train, val)
    no_text = train.fused.matrix.copy()
    no_text[:, 6:] = no_text[:, 6:].mean(axis=0)
    without = replace(train, fused=replace(train.fused, matrix=no_text))
    moved = model.predict(train) - model.predict(without)
    assert model.findings.importances["fused_text"] == pytest.approx(moved.std(), rel=1e-5)


def test_it_predicts_the_same_in_small_blocks(train, val, monkeypatch):
    whole = Ridge().fit(train, val).predict(val)
    monkeypatch.setattr(linear, "BLOCK_ROWS", 32)
    np.testing.assert_allclose(Ridge().fit(train, val).predict(val), whole, rtol=1e-10)
