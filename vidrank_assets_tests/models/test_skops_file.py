import os
from functools import partial

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from skops.io.exceptions import UntrustedTypesFoundException

from vidrank_assets.models import skops_file


class Stranger:
    """A type that no model file should hold."""

    def __init__(self):
        self.payload = 1


def test_what_was_fitted_comes_back(tmp_path):
    fitted = Ridge().fit(np.eye(3), np.arange(3))
    skops_file.write({"ridge": fitted, "levels": np.array(["a", None], object)}, tmp_path / "x.skops")
    read = skops_file.read(tmp_path / "x.skops")
    np.testing.assert_array_equal(read["ridge"].coef_, fitted.coef_)
    assert read["levels"].tolist() == ["a", None]


def test_a_type_that_is_not_listed_is_refused(tmp_path):
    skops_file.write({"x": Stranger()}, tmp_path / "x.skops")
    with pytest.raises(UntrustedTypesFoundException, match="Stranger"):
        skops_file.read(tmp_path / "x.skops")


def test_trees_with_categories_come_back_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    matrix = np.column_stack([rng.normal(size=200), rng.integers(0, 4, 200)])
    trees = HistGradientBoostingRegressor(max_iter=5, categorical_features=[1]).fit(matrix, matrix.sum(axis=1))
    skops_file.write(trees, tmp_path / "x.skops")
    np.testing.assert_array_equal(skops_file.read(tmp_path / "x.skops").predict(matrix), trees.predict(matrix))


def test_a_setting_that_would_call_something_else_is_refused(tmp_path):
    skops_file.write({"x": partial(os.system, "true")}, tmp_path / "x.skops")
    with pytest.raises(UntrustedTypesFoundException, match="system"):
        skops_file.read(tmp_path / "x.skops")
