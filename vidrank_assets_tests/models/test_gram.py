from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.gram import (
    CrossValidatedRidge,
    Gram,
    grams_by_fold,
    ridge_coefficients,
    shuffled_folds,
)

ALPHAS = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]


def ours(matrix, targets, *, alphas=ALPHAS, n_folds=5, seed=0, block=16):
    folds = shuffled_folds(len(matrix), n_folds, seed)
    blocks = (matrix[start : start + block] for start in range(0, len(matrix), block))
    return CrossValidatedRidge.of(grams_by_fold(blocks, targets, folds), alphas)


def searched(matrix, target, *, alphas=ALPHAS, n_folds=5, seed=0):
    """scikit-learn's own search for one target, on float64."""
    folds = KFold(n_folds, shuffle=True, random_state=seed)
    search = GridSearchCV(Ridge(), {"alpha": alphas}, cv=folds, scoring="neg_mean_squared_error")
    return search.fit(matrix.astype(np.float64), target)


def assert_as_searched(matrix, targets, **how):
    mine = ours(matrix, targets, **how)
    how.pop("block", None)
    for place, target in enumerate(targets.T):
        peer = searched(matrix, target, **how)
        splits = [peer.cv_results_[f"split{fold}_test_score"] for fold in range(mine.errors.shape[0])]
        np.testing.assert_allclose(mine.errors[:, :, place], -np.array(splits), rtol=1e-6, atol=1e-10)
        assert mine.alphas[place] == peer.best_params_["alpha"]
        np.testing.assert_allclose(mine.coefficients[:, place], peer.best_estimator_.coef_, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(mine.intercepts[place], peer.best_estimator_.intercept_, rtol=1e-6, atol=1e-8)
    return mine


def drawn(n_rows, d_columns, *, noise=1.0, n_targets=1, seed=0):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n_rows, d_columns))
    return matrix, matrix @ rng.normal(size=(d_columns, n_targets)) + noise * rng.normal(size=(n_rows, n_targets))


def test_one_column_by_hand():
    """x = 0, 2, 4 and y = 1, 2, 9: about the means Sxx = 8 and Sxy = 16, so at alpha 8 the slope is 16 / 16 = 1."""
    gram = Gram.of(np.array([[0.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [9.0]]))
    assert (gram.n_rows, gram.x_mean.item(), gram.y_mean.item()) == (3, 2, 4)
    assert (gram.xx.item(), gram.xy.item(), gram.yy.item()) == (8, 16, 38)
    np.testing.assert_allclose(ridge_coefficients(gram, [8.0, 24.0])[0, :, 0], [1, 0.5])


def test_the_error_of_a_held_out_fold_by_hand():
    """Fitted on (0, 0) and (2, 2) at alpha 2 the slope is 2 / 4, so y = 1 + (x - 1) / 2; at (3, 4) and (5, 3) the
    residuals are 2 and 0."""
    rest = Gram.of(np.array([[0.0], [2.0]]), np.array([[0.0], [2.0]]))
    held_out = Gram.of(np.array([[3.0], [5.0]]), np.array([[4.0], [3.0]]))
    slope = ridge_coefficients(rest, [2.0])
    assert slope.item() == pytest.approx(0.5)
    assert held_out.squared_errors(slope, rest).item() == pytest.approx(2.0)


def test_as_scikit_learn():
    assert_as_searched(*drawn(200, 12, noise=3.0))


def test_nearly_collinear_columns_as_scikit_learn():
    matrix, targets = drawn(120, 6)
    twin = matrix[:, :1] + 1e-7 * np.random.default_rng(1).normal(size=(120, 1))
    assert_as_searched(np.hstack([matrix, twin, matrix[:, 1:2]]), targets)


def test_constant_columns_as_scikit_learn():
    matrix, targets = drawn(80, 4)
    mine = assert_as_searched(np.hstack([matrix, np.zeros((80, 1)), np.full((80, 1), 7.3)]), targets)
    np.testing.assert_allclose(mine.coefficients[4:], 0, atol=1e-12)


def test_more_columns_than_rows_as_scikit_learn():
    assert_as_searched(*drawn(30, 70))


def test_one_row_a_fold_as_scikit_learn():
    assert_as_searched(*drawn(25, 6), n_folds=25)


def test_each_target_has_the_penalty_that_it_would_have_alone():
    matrix, clear = drawn(100, 20, noise=0.1)
    _, noisy = drawn(100, 20, noise=30.0, seed=1)
    mine = assert_as_searched(matrix, np.hstack([clear, noisy, clear + noisy]))
    assert mine.alphas[0] == 0.1
    assert mine.alphas[1] == 100.0


def test_columns_far_from_zero_lose_no_digits():
    """Sums of products about zero would keep three digits of a spread of 1 at a mean of 10 million."""
    matrix, targets = drawn(150, 5)
    mine, far = ours(matrix, targets), ours(matrix + 1e7, targets + 1e7)
    np.testing.assert_allclose(far.coefficients, mine.coefficients, rtol=1e-6)
    np.testing.assert_allclose(far.errors, mine.errors, rtol=1e-6)


def test_rows_in_the_order_of_a_trend_lose_no_digits():
    """The first block's mean is far from the others'."""
    matrix, targets = drawn(400, 3)
    matrix[:, 0] = np.linspace(1e6, 1e6 + 1e3, 400)
    assert_as_searched(matrix, targets + matrix[:, :1])


def test_single_precision_is_summed_in_double():
    matrix, targets = drawn(300, 8)
    single = (matrix + 100).astype(np.float32)
    assert_as_searched(single, targets)


def test_blocks_of_any_size_give_the_same():
    matrix, targets = drawn(90, 5, n_targets=2)
    whole = ours(matrix, targets, block=90)
    for block in (1, 7, 64):
        np.testing.assert_allclose(ours(matrix, targets, block=block).errors, whole.errors, rtol=1e-10)


def test_fold_coefficients_are_fitted_on_the_other_folds():
    matrix, targets = drawn(60, 4, noise=2.0, n_targets=2)
    mine, folds = ours(matrix, targets), shuffled_folds(60, 5, 0)
    for fold in range(5):
        for place in range(2):
            others = folds != fold
            peer = Ridge(alpha=mine.alphas[place]).fit(matrix[others], targets[others, place])
            np.testing.assert_allclose(mine.fold_coefficients[fold, :, place], peer.coef_, rtol=1e-8)


def test_a_target_that_never_changes_is_its_mean():
    matrix, _ = drawn(40, 3)
    mine = ours(matrix, np.full((40, 1), 5.0))
    np.testing.assert_allclose(mine.coefficients, 0, atol=1e-12)
    np.testing.assert_allclose(mine.intercepts, 5)


def test_no_error_is_below_zero_where_the_fit_is_perfect():
    matrix, targets = drawn(50, 3, noise=0.0)
    errors = ours(matrix, targets, alphas=[1e-9, 1e-6]).errors
    assert (errors >= 0).all()
    assert errors.max() < 1e-10


def test_folds_are_those_of_scikit_learn():
    folds = shuffled_folds(23, 4, 11)
    for fold, (_, held_out) in enumerate(KFold(4, shuffle=True, random_state=11).split(np.empty(23))):
        np.testing.assert_array_equal(np.flatnonzero(folds == fold), held_out)


def test_fewer_rows_than_folds_are_a_fold_each():
    assert sorted(shuffled_folds(3, 5, 0)) == [0, 1, 2]


def test_a_single_row_cannot_be_cross_validated():
    with pytest.raises(InvalidInput, match="must have at least 2 rows; got 1"):
        shuffled_folds(1, 5, 0)


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 30), st.floats(-1e6, 1e6))
@settings(max_examples=60, deadline=None)
def test_taking_away_what_was_added_gives_back_the_rest(seed, n_first, n_second, mean):
    rng = np.random.default_rng(seed)
    parts = [(mean + rng.normal(size=(n, 4)), rng.normal(size=(n, 2))) for n in (n_first, n_second)]
    first, second = (Gram.of(*part) for part in parts)
    together = Gram.of(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    for made, known in ((first + second, together), (together - second, first)):
        assert made.n_rows == known.n_rows
        for name in ("x_mean", "y_mean", "xx", "xy", "yy"):
            np.testing.assert_allclose(getattr(made, name), getattr(known, name), rtol=1e-7, atol=1e-6)


@given(
    shape=st.tuples(st.integers(6, 40), st.integers(1, 50)),
    n_targets=st.integers(1, 3),
    n_folds=st.integers(2, 6),
    alphas=st.lists(st.floats(0.01, 1000), min_size=1, max_size=4, unique=True),
    seed=st.integers(0, 1000),
    repeated=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_matrix_as_scikit_learn(shape, n_targets, n_folds, alphas, seed, repeated):
    n_rows, _ = shape
    matrix, targets = drawn(*shape, n_targets=n_targets, seed=seed)
    matrix = np.hstack([matrix, matrix[:, :1], np.ones((n_rows, 1))]) if repeated else matrix
    mine, folds = (
        ours(matrix, targets, alphas=alphas, n_folds=n_folds, seed=seed),
        shuffled_folds(n_rows, n_folds, seed),
    )
    for fold in range(n_folds):
        others = folds != fold
        for place, alpha in enumerate(alphas):
            peer = Ridge(alpha=alpha).fit(matrix[others], targets[others])
            residuals = targets[~others] - peer.predict(matrix[~others]).reshape(-1, n_targets)
            np.testing.assert_allclose(mine.errors[fold, place], (residuals**2).mean(axis=0), rtol=1e-6, atol=1e-9)
    for place, alpha in enumerate(mine.alphas):
        peer = Ridge(alpha=alpha).fit(matrix, targets[:, place])
        np.testing.assert_allclose(mine.coefficients[:, place], peer.coef_, rtol=1e-6, atol=1e-9)


def test_the_sum_of_all_folds_is_the_whole():
    matrix, targets = drawn(50, 4)
    folds = shuffled_folds(50, 5, 0)
    total, whole = reduce(add, grams_by_fold([matrix], targets, folds)), Gram.of(matrix, targets)
    np.testing.assert_allclose(total.xx, whole.xx)
    np.testing.assert_allclose(total.xy, whole.xy)
