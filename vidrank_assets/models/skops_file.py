"""Fitted scikit-learn parts in a file that is read without running code from it."""

from pathlib import Path
from typing import Any

#: What may be in such a file beside the scikit-learn, NumPy and Python types that skops trusts by itself. The last
#: three are what `HistGradientBoostingRegressor` holds: its trees, and a check of its input with that check's settings.
#: A `partial` calls nothing when it is read, and what it may call later has to be trusted by its own name.
TRUSTED = [
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
    "functools.partial",
]


def write(fitted: Any, path: Path) -> None:
    """Store fitted estimators, in dicts and lists or alone."""
    import skops.io  # seconds to import

    skops.io.dump(fitted, path)


def read(path: Path) -> Any:
    """What `write` stored.

    Raises skops' UntrustedTypesFoundException: the file holds a type that `TRUSTED` does not list.
    """
    import skops.io

    return skops.io.load(path, trusted=TRUSTED)
