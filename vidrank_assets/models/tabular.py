"""The fitted preprocessing of metadata columns: imputed, scaled and one-hot for linear models; left missing for trees.

Both are fitted on training rows only and are part of a family's artifact.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.tables import METADATA_FEATURES

Matrix64 = NDArray[np.float64]

#: Levels of a category met less often than this in training share one place.
MIN_LEVEL_COUNT = 10

#: Units whose columns span orders of magnitude; linear models read them as log1p.
HEAVY_TAILED_UNITS = frozenset({"count", "characters", "words", "seconds", "days", "ratio", "views/hour"})

_HEAVY_TAILED = frozenset(column.name for column in METADATA_FEATURES.columns if column.unit in HEAVY_TAILED_UNITS)


def categorical_columns(columns: pl.DataFrame) -> list[str]:
    """The columns of text."""
    return [name for name, dtype in columns.schema.items() if dtype == pl.String]


def numbers(columns: pl.DataFrame) -> Matrix64:
    """Every column that is not text, (n_videos, n_numeric): true is 1, null is NaN."""
    numeric = columns.drop(categorical_columns(columns)).cast(pl.Float64)
    return numeric.to_numpy().astype(np.float64, copy=True).reshape(columns.height, numeric.width)


class LinearColumns:
    """Metadata for a linear model, (n_videos, d_columns).

    Numbers: log1p of heavy-tailed ones (tables.py gives the unit), median for what is missing beside a column that says
    it was, then standardised. Categories: the most frequent level for what is missing beside a level that says it was,
    then one-hot with rare levels folded; a level that training never met is the folded one.
    """

    def fit(self, columns: pl.DataFrame) -> Self:
        """Learn medians, scales and levels from training rows."""
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

        one_hot = OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=MIN_LEVEL_COUNT, sparse_output=False
        )
        most_frequent = SimpleImputer(
            missing_values=None, strategy="most_frequent", keep_empty_features=True, add_indicator=True
        )
        median = SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True)
        tamed, levels = _tamed(columns), _levels(columns)
        nothing = FunctionTransformer()  # a table may have no numbers, or no categories
        self._numbers = (make_pipeline(median, StandardScaler()) if tamed.shape[1] else nothing).fit(tamed)
        self._categories = (make_pipeline(most_frequent, one_hot) if levels.shape[1] else nothing).fit(levels)
        return self

    def transform(self, columns: pl.DataFrame) -> Matrix64:
        """(n_videos, d_columns), finite; each row depends on that video only."""
        parts = (self._numbers.transform(_tamed(columns)), self._categories.transform(_levels(columns)))
        return np.hstack([part.astype(np.float64) for part in parts])

    @property
    def n_numbers(self) -> int:
        """How many columns of numbers it was fitted on."""
        return int(self._numbers.n_features_in_)

    @property
    def estimators(self) -> dict[str, Any]:
        """What was fitted, for the artifact."""
        return {"numbers": self._numbers, "categories": self._categories}

    @classmethod
    def of(cls, estimators: dict[str, Any]) -> Self:
        """The preprocessing whose `estimators` these are."""
        columns = cls()
        columns._numbers, columns._categories = estimators["numbers"], estimators["categories"]
        return columns


def _tamed(columns: pl.DataFrame) -> Matrix64:
    heavy = [name for name in columns.columns if name in _HEAVY_TAILED]
    return numbers(columns.with_columns(pl.col(heavy).cast(pl.Float64).clip(lower_bound=0).log1p()))


def _levels(columns: pl.DataFrame) -> NDArray[np.object_]:
    """(n_videos, n_categorical) of text and None."""
    levels = columns.select(categorical_columns(columns))
    return np.array(levels.rows(), dtype=object).reshape(columns.height, levels.width)


class TreeColumns:
    """Metadata for trees, (n_videos, n_columns): missing numbers stay NaN, categories are codes.

    Code 0 is every level that is rare in training or unknown to it, code 1 is missing, and the others follow.
    """

    def fit(self, columns: pl.DataFrame) -> Self:
        """Learn the levels from training rows."""
        self._codes = {name: _codes(columns[name]) for name in categorical_columns(columns)}
        self.names = [name for name in columns.columns if name not in self._codes] + list(self._codes)
        return self

    @property
    def categorical(self) -> list[int]:
        """Which columns of `transform` are codes."""
        return [self.names.index(name) for name in self._codes]

    def transform(self, columns: pl.DataFrame) -> Matrix64:
        """(n_videos, n_columns), in the order of `names`; each row depends on that video only."""
        coded = columns.select(
            pl.col(name).replace_strict(codes, default=0, return_dtype=pl.Float64)
            for name, codes in self._codes.items()
        )
        return np.concatenate([numbers(columns), coded.to_numpy().reshape(columns.height, -1)], axis=1)

    def save(self, path: Path) -> None:
        """Write the levels as JSON."""
        codes = {name: list(codes.items()) for name, codes in self._codes.items()}
        path.write_text(json.dumps({"names": self.names, "codes": codes}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The levels that `save` wrote."""
        stored = json.loads(path.read_text())
        columns = cls()
        columns.names = stored["names"]
        columns._codes = {name: {level: code for level, code in codes} for name, codes in stored["codes"].items()}
        return columns


def _codes(levels: pl.Series) -> dict[str | None, float]:
    counted = Counter(levels.drop_nulls().to_list())
    kept = sorted(level for level, count in counted.items() if count >= MIN_LEVEL_COUNT)
    return {None: 1.0} | {level: float(code) for code, level in enumerate(kept, start=2)}
