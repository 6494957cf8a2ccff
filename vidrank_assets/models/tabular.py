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


class StandardNumbers:
    """The columns that are not text, standardised, (n_videos, d_numbers).

    log1p of heavy-tailed ones (tables.py gives the unit), median for what is missing beside a column that says it was.
    """

    def fit(self, columns: pl.DataFrame) -> Self:
        """Learn medians and scales from training rows."""
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, StandardScaler

        median = SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True)
        tamed = _tamed(columns)
        # A table may have no numbers.
        self.estimator = (make_pipeline(median, StandardScaler()) if tamed.shape[1] else FunctionTransformer()).fit(
            tamed
        )
        return self

    def transform(self, columns: pl.DataFrame) -> Matrix64:
        """(n_videos, d_numbers), finite; each row depends on that video only."""
        return np.asarray(self.estimator.transform(_tamed(columns)), np.float64)

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """The numbers whose `estimator` this is."""
        standard = cls()
        standard.estimator = estimator
        return standard


class LinearColumns:
    """Metadata for a linear model, (n_videos, d_columns).

    Numbers are those of `StandardNumbers`. Categories: the most frequent level for what is missing beside a level that
    says it was, then one-hot with rare levels folded; a level that training never met is the folded one.
    """

    def fit(self, columns: pl.DataFrame) -> Self:
        """Learn medians, scales and levels from training rows."""
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

        one_hot = OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=MIN_LEVEL_COUNT, sparse_output=False
        )
        most_frequent = SimpleImputer(
            missing_values=None, strategy="most_frequent", keep_empty_features=True, add_indicator=True
        )
        levels = _levels(columns)
        self._numbers = StandardNumbers().fit(columns)
        # A table may have no categories.
        self._categories = (make_pipeline(most_frequent, one_hot) if levels.shape[1] else FunctionTransformer()).fit(
            levels
        )
        return self

    def transform(self, columns: pl.DataFrame) -> Matrix64:
        """(n_videos, d_columns), finite; each row depends on that video only."""
        parts = (self._numbers.transform(columns), self._categories.transform(_levels(columns)))
        return np.hstack([part.astype(np.float64) for part in parts])

    @property
    def n_numbers(self) -> int:
        """How many columns of numbers it was fitted on."""
        return int(self._numbers.estimator.n_features_in_)

    @property
    def estimators(self) -> dict[str, Any]:
        """What was fitted, for the artifact."""
        return {"numbers": self._numbers.estimator, "categories": self._categories}

    @classmethod
    def of(cls, estimators: dict[str, Any]) -> Self:
        """The preprocessing whose `estimators` these are."""
        columns = cls()
        columns._numbers, columns._categories = StandardNumbers.of(estimators["numbers"]), estimators["categories"]
        return columns


def _tamed(columns: pl.DataFrame) -> Matrix64:
    heavy = [name for name in columns.columns if name in _HEAVY_TAILED]
    return numbers(columns.with_columns(pl.col(heavy).cast(pl.Float64).clip(lower_bound=0).log1p()))


def _levels(columns: pl.DataFrame) -> NDArray[np.object_]:
    """(n_videos, n_categorical) of text and None."""
    levels = columns.select(categorical_columns(columns))
    return np.array(levels.rows(), dtype=object).reshape(columns.height, levels.width)


class LevelCodes:
    """The columns of text as codes, (n_videos, n_categorical).

    Code 0 is every level that is rare in training or unknown to it, code 1 is missing, and the others follow.
    """

    def __init__(self, *, most_levels: int | None = None) -> None:
        """most_levels: how many a column may have, the most frequent; None for all."""
        self._most_levels = most_levels

    def fit(self, columns: pl.DataFrame) -> Self:
        """Learn the levels from training rows."""
        self.codes = {name: _codes(columns[name], self._most_levels) for name in categorical_columns(columns)}
        return self

    @property
    def names(self) -> list[str]:
        """(n_categorical,)."""
        return list(self.codes)

    @property
    def n_codes(self) -> list[int]:
        """How many codes each column has, that of rare and unknown levels among them."""
        return [len(codes) + 1 for codes in self.codes.values()]

    def transform(self, columns: pl.DataFrame) -> Matrix64:
        """(n_videos, n_categorical); each row depends on that video only."""
        coded = columns.select(
            pl.col(name).replace_strict(codes, default=0, return_dtype=pl.Float64) for name, codes in self.codes.items()
        )
        return coded.to_numpy().reshape(columns.height, len(self.codes))

    def save(self, path: Path) -> None:
        """Write the levels as JSON."""
        path.write_text(json.dumps({name: list(codes.items()) for name, codes in self.codes.items()}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The levels that `save` wrote."""
        levels = cls()
        stored = json.loads(path.read_text())
        levels.codes = {name: {level: code for level, code in codes} for name, codes in stored.items()}
        return levels


class TreeColumns:
    """Metadata for trees, (n_videos, n_columns): missing numbers stay NaN, categories are `LevelCodes` at the right."""

    def __init__(self, *, most_levels: int | None = None) -> None:
        """most_levels: how many a category may have, the most frequent; None for all."""
        self._levels = LevelCodes(most_levels=most_levels)

    def fit(self, columns: pl.DataFrame) -> Self:
        """Learn the levels from training rows."""
        self._levels.fit(columns)
        self._numbers = [name for name in columns.columns if name not in self._levels.names]
        return self

    @property
    def names(self) -> list[str]:
        """(n_columns,)."""
        return [*self._numbers, *self._levels.names]

    @property
    def categories(self) -> list[str]:
        """The names of the columns that are codes."""
        return self._levels.names

    @property
    def categorical(self) -> list[int]:
        """Their places in `names`."""
        return list(range(len(self._numbers), len(self.names)))

    def transform(self, columns: pl.DataFrame) -> Matrix64:
        """(n_videos, n_columns), in the order of `names`; each row depends on that video only."""
        return np.concatenate([numbers(columns), self._levels.transform(columns)], axis=1)

    def save(self, folder: Path) -> None:
        """Write names and levels as JSON into an existing folder."""
        (folder / "numbers.json").write_text(json.dumps(self._numbers))
        self._levels.save(folder / "levels.json")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        columns = cls()
        columns._numbers = json.loads((folder / "numbers.json").read_text())
        columns._levels = LevelCodes.load(folder / "levels.json")
        return columns


def _codes(levels: pl.Series, most_levels: int | None) -> dict[str | None, float]:
    """By level; of equally frequent levels the first in the alphabet are kept."""
    counted = sorted(Counter(levels.drop_nulls().to_list()).items(), key=lambda counted: (-counted[1], counted[0]))
    kept = sorted(level for level, count in counted[:most_levels] if count >= MIN_LEVEL_COUNT)
    return {None: 1.0} | {level: float(code) for code, level in enumerate(kept, start=2)}
