"""Time-series cross-validation: train on what came before, test on what came next."""

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput, SplitTooSmall

Positions = NDArray[np.int64]


def time_series_folds(
    published_at: pl.Series, *, n_folds: int = 5, gap: timedelta = timedelta(0)
) -> list[tuple[Positions, Positions]]:
    """Positions of the train and the test rows of each fold, oldest fold first, each in the order of publication.

    published_at: (n_videos,), in any order; of equal moments the one that stands first comes first.
    gap: a train row was published at least this long before the first test row. With the horizon's length, every label
        of the train rows is known when the first test row is published.

    The window expands: the newest `n_folds` of `n_folds + 1` equal blocks are tested, each on all that came before it,
    as in scikit-learn's TimeSeriesSplit; what does not divide goes to the oldest block.
    Raises InvalidInput: n_folds is below 1, the gap is negative or a moment is unknown. SplitTooSmall: a fold has no
    train or no test rows.
    """
    if n_folds < 1 or gap < timedelta(0) or published_at.null_count():
        raise InvalidInput(
            "folds need at least 1 fold, a gap of at least 0 and known moments; "
            f"got n_folds={n_folds}, gap={gap} and {published_at.null_count()} unknown moments. Correct that."
        )
    order = published_at.to_frame("at").with_row_index().sort("at", "index")["index"].to_numpy().astype(np.int64)
    moments = published_at.gather(order)
    size = len(order) // (n_folds + 1)
    starts = [len(order) - size * (n_folds - fold) for fold in range(n_folds)]
    n_train = [min(start, int((moments <= moments[start] - gap).sum())) if size else 0 for start in starts]
    if 0 in n_train:
        raise SplitTooSmall(
            f"each of {n_folds} folds needs train rows at least {gap} older than its test rows; found {n_train} for "
            f"{len(order)} videos. Use fewer folds, a shorter gap or videos of a longer time."
        )
    return [(order[:n], order[start : start + size]) for start, n in zip(starts, n_train, strict=True)]
