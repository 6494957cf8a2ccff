"""Fitted scikit-learn parts in a file that is read without running code from it."""

from pathlib import Path
from typing import Any

#: What may be in such a file beside the scikit-learn, NumPy and Python types that skops trusts by itself.
TRUSTED = ["numpy.dtype"]


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
