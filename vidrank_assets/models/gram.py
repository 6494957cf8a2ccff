"""Ridge regression from sums of products, which one pass over blocks of rows collects for every fold.

A matrix of 160,000 rows and 1,200 columns is 1.5 GB in float64; its Gram matrix is 12 MB, and all that ridge regression
and its cross-validation need.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.base import Vector
from vidrank_assets.models.tabular import Matrix64

Tensor64 = NDArray[np.float64]
Folds = NDArray[np.int64]


@dataclass(frozen=True)
class Gram:
    """Means and sums of products about them, of some rows of a matrix and their targets.

    x_mean: (d_columns,). y_mean: (n_targets,). xx: (d_columns, d_columns). xy: (d_columns, n_targets).
    yy: (n_targets,), each target with itself.

    Sums about zero lose the digits that a column's mean and its spread are apart; about the mean nothing is lost,
    whatever the order of the rows.
    Source: Chan, Golub & LeVeque 1983, Algorithms for computing the sample variance.
    """

    n_rows: int
    x_mean: Vector
    y_mean: Vector
    xx: Matrix64
    xy: Matrix64
    yy: Vector

    @classmethod
    def of(cls, matrix: NDArray[np.floating], targets: Matrix64) -> Self:
        """Of some rows, at least one: (n_rows, d_columns) in any precision, and (n_rows, n_targets)."""
        x_mean, y_mean = matrix.mean(axis=0, dtype=np.float64), targets.mean(axis=0)
        x, y = matrix - x_mean, targets - y_mean
        return cls(len(x), x_mean, y_mean, x.T @ x, x.T @ y, (y * y).sum(axis=0))

    def __add__(self, other: Self) -> Self:
        """Of the rows of both."""
        return self._combined(other, sign=1)

    def __sub__(self, other: Self) -> Self:
        """Of the rows that are not among those of `other`, all of which must be here, and not be all."""
        return self._combined(other, sign=-1)

    def _combined(self, other: Self, *, sign: int) -> Self:
        n_rows = self.n_rows + sign * other.n_rows
        x, y = other.x_mean - self.x_mean, other.y_mean - self.y_mean
        share, weight = other.n_rows / n_rows, self.n_rows * other.n_rows / n_rows
        return type(self)(
            n_rows,
            self.x_mean + sign * share * x,
            self.y_mean + sign * share * y,
            self.xx + sign * (other.xx + np.outer(weight * x, x)),
            self.xy + sign * (other.xy + np.outer(weight * x, y)),
            self.yy + sign * (other.yy + weight * y * y),
        )

    def squared_errors(self, coefficients: Tensor64, rest: Self) -> Matrix64:
        """Mean squared errors on these rows, (n_alphas, n_targets), of regressions whose intercept is `rest`'s.

        coefficients: (d_columns, n_alphas, n_targets).
        """
        flat = coefficients.reshape(len(self.x_mean), -1)
        quadratic = (flat * (self.xx @ flat)).sum(axis=0).reshape(coefficients.shape[1:])
        linear = np.einsum("dat,dt->at", coefficients, self.xy)
        of_means = self.y_mean - rest.y_mean - np.tensordot(self.x_mean - rest.x_mean, coefficients, axes=1)
        about_means = np.maximum(self.yy - 2 * linear + quadratic, 0)  # rounding may take a perfect fit below 0
        return np.asarray(about_means / self.n_rows + of_means**2, np.float64)


def shuffled_folds(n_rows: int, n_folds: int, seed: int) -> Folds:
    """The fold of each row, (n_rows,): those of scikit-learn's `KFold(n_folds, shuffle=True, random_state=seed)`.

    Fewer rows than folds are a fold each. Raises InvalidInput: fewer than two rows.
    """
    from sklearn.model_selection import KFold

    if n_rows < 2:  # noqa: PLR2004
        raise InvalidInput(
            f"cross-validation must have at least 2 rows; got {n_rows}. Check the split and the label coverage."
        )
    folds = np.empty(n_rows, np.int64)
    dealt = KFold(min(n_folds, n_rows), shuffle=True, random_state=seed).split(folds)
    for fold, (_, held_out) in enumerate(dealt):
        folds[held_out] = fold
    return folds


def grams_by_fold(blocks: Iterable[NDArray[np.floating]], targets: Matrix64, folds: Folds) -> list[Gram]:
    """One Gram a fold, from one pass.

    blocks: (n, d_columns) each, in any precision, together the rows in the order of `targets`, (n_rows, n_targets), and
    of `folds`, (n_rows,), which must hold every number from 0 to the highest.
    """
    grams: list[Gram | None] = [None] * (int(folds.max()) + 1)
    start = 0
    for block in blocks:
        rows = slice(start, start + len(block))
        for fold in np.unique(folds[rows]):
            within = folds[rows] == fold
            gram, known = Gram.of(block[within], targets[rows][within]), grams[fold]
            grams[fold] = gram if known is None else known + gram
        start += len(block)
    return [gram for gram in grams if gram is not None]


def ridge_coefficients(gram: Gram, alphas: Sequence[float]) -> Tensor64:
    """Ridge regressions with an unpenalised intercept for every penalty, (d_columns, n_alphas, n_targets).

    They minimise |y - Xw - b|² + alpha |w|²; one eigendecomposition serves them all, for
    w = V (Λ + alpha)⁻¹ Vᵀ Xᵀy where XᵀX = V Λ Vᵀ about the means. Each alpha must be above 0.
    Source: Hastie, Tibshirani & Friedman 2009, The elements of statistical learning, 3.4.1.
    """
    eigenvalues, vectors = np.linalg.eigh(gram.xx)
    damped = np.maximum(eigenvalues, 0)[:, np.newaxis] + np.asarray(alphas)  # rounding may take one below 0
    rotated = (vectors.T @ gram.xy)[:, np.newaxis, :] / damped[:, :, np.newaxis]
    coefficients: Tensor64 = (vectors @ rotated.reshape(len(vectors), -1)).reshape(rotated.shape)
    return coefficients


@dataclass(frozen=True)
class CrossValidatedRidge:
    """The penalty of least cross-validated error for each target, and what it gives.

    alphas: (n_targets,), the chosen. coefficients: (d_columns, n_targets) and intercepts: (n_targets,), on all rows.
    fold_coefficients: (n_folds, d_columns, n_targets), on the rows of the other folds, at the same penalties.
    errors: (n_folds, n_alphas, n_targets), mean squared on the held-out fold.
    """

    alphas: Vector
    coefficients: Matrix64
    intercepts: Vector
    fold_coefficients: Tensor64
    errors: Tensor64

    @classmethod
    def of(cls, grams: Sequence[Gram], alphas: Sequence[float]) -> Self:
        """From one Gram a fold, at least two.

        The choice is that of scikit-learn's `GridSearchCV(Ridge(), {"alpha": alphas}, cv=folds)` under squared error:
        the mean over folds decides, and of equals the first.
        """
        total = reduce(add, grams)
        by_fold, errors = [], []
        for held_out in grams:
            rest = total - held_out
            by_fold.append(ridge_coefficients(rest, alphas))
            errors.append(held_out.squared_errors(by_fold[-1], rest))
        best = np.mean(errors, axis=0).argmin(axis=0)
        targets = np.arange(len(best))
        coefficients = ridge_coefficients(total, alphas)[:, best, targets]
        return cls(
            np.asarray(alphas, np.float64)[best],
            coefficients,
            total.y_mean - total.x_mean @ coefficients,
            np.stack([each[:, best, targets] for each in by_fold]),
            np.stack(errors),
        )
