"""Choosing ridge penalties by cross-validation: sums of products from one pass, against a fit a time by scikit-learn.

100,000 rows of 1,152 float32 columns, 4 targets, 5 folds, 60 penalties: 1,200 fits. Ours does all of them, and the last
fit on all rows. The peer is `Ridge(solver="cholesky")`, the fastest of scikit-learn's direct solvers, in float64, as
agreement to 1e-6 needs, fitted and scored on one fold at a few penalties. Its time for all is extrapolated from the
median of those: for one target a fit, as a search for each target does, and for the four targets in one fit, which is
the most that they can share. Cutting the folds out and turning them into float64 is not counted against it.

    python benchmarks/ridge_cross_validation.py [--rows 100000] [--rounds 3]
"""

import argparse
import resource
from collections.abc import Sequence
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from vidrank_assets.models.gram import CrossValidatedRidge, grams_by_fold, shuffled_folds
from vidrank_assets.models.linear import row_blocks

D_COLUMNS, N_TARGETS, N_FOLDS, SEED = 1_152, 4, 5, 42
ALPHAS = np.geomspace(1e-1, 1e5, 60)
PART = (0, 30, 59)  # the penalties that the peer is measured at, of fold 0

Matrix = NDArray[np.floating]


def main() -> None:
    """Take turns in this process, check that the errors agree, print the ratios."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=3)
    sizes = arguments.parse_args()
    matrix, targets = drawn(sizes.rows)
    folds = shuffled_folds(sizes.rows, N_FOLDS, SEED)
    parts = [(matrix[rows].astype(np.float64), targets[rows]) for rows in (folds != 0, folds == 0)]
    seconds: dict[str, list[float]] = {"ours": [], "one": [], "four": []}
    for turn in range(sizes.rounds):
        started = perf_counter()
        blocks = (matrix[rows] for rows in row_blocks(sizes.rows))
        ours = CrossValidatedRidge.of(grams_by_fold(blocks, targets, folds), ALPHAS)
        seconds["ours"].append(perf_counter() - started)
        place = PART[turn % len(PART)]
        for who, asked in (("one", [turn % N_TARGETS]), ("four", list(range(N_TARGETS)))):
            started = perf_counter()
            errors = peer_errors(parts, ALPHAS[place], asked)
            seconds[who].append(perf_counter() - started)
            np.testing.assert_allclose(ours.errors[0, place, asked], errors, rtol=1e-6)
    report(sizes.rows, seconds, ours)


def drawn(n_rows: int) -> tuple[Matrix, Matrix]:
    """(n_rows, D_COLUMNS) float32, whose columns differ in spread, and (n_rows, N_TARGETS) with more and more noise."""
    rng = np.random.default_rng(SEED)
    matrix = rng.standard_normal((n_rows, D_COLUMNS), dtype=np.float32)
    matrix *= np.geomspace(1, 1e-2, D_COLUMNS, dtype=np.float32)
    matrix += rng.standard_normal(D_COLUMNS, dtype=np.float32)
    signal = matrix @ rng.standard_normal((D_COLUMNS, N_TARGETS), dtype=np.float32)
    return matrix, signal + np.geomspace(1, 100, N_TARGETS) * rng.standard_normal((n_rows, N_TARGETS))


def peer_errors(parts: Sequence[tuple[Matrix, Matrix]], alpha: float, asked: list[int]) -> Matrix:
    """Mean squared errors on the held-out part, one a target asked."""
    (train, train_targets), (held_out, held_out_targets) = parts
    fitted = Ridge(alpha=alpha, solver="cholesky").fit(train, train_targets[:, asked])
    residuals = held_out_targets[:, asked] - fitted.predict(held_out).reshape(-1, len(asked))
    return np.asarray((residuals**2).mean(axis=0))


def report(n_rows: int, seconds: dict[str, list[float]], ours: CrossValidatedRidge) -> None:
    """Print what was measured, what was extrapolated, and the ratios."""
    n_fits = {"one": N_TARGETS * N_FOLDS * len(ALPHAS), "four": N_FOLDS * len(ALPHAS)}
    in_full = median(seconds["ours"])
    print(f"{n_rows:,} rows, {D_COLUMNS:,} columns, {N_TARGETS} targets, {N_FOLDS} folds, {len(ALPHAS)} penalties")
    print(f"ours: {in_full:.1f} s for all {n_fits['one']:,} fits, median of {len(seconds['ours'])}")
    for who, sentence in (("one", "one target a fit"), ("four", "four targets in a fit")):
        each = median(seconds[who])
        print(
            f"scikit-learn, {sentence}: {each:.2f} s a fit, median of {len(seconds[who])}; extrapolated to "
            f"{n_fits[who]:,} fits {each * n_fits[who]:,.0f} s, {each * n_fits[who] / in_full:,.0f} times ours"
        )
    print(
        f"the errors of the measured fits agree to 1e-6; penalties chosen: {', '.join(f'{a:.3g}' for a in ours.alphas)}"
    )
    print(f"peak memory of both together {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
