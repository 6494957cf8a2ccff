"""The guard that a model sees no column that was not known when its prediction is asked for."""

import re
from collections.abc import Iterable

from vidrank_assets.catalog import InformationSet
from vidrank_assets.errors import LeakageError
from vidrank_assets.features.metadata import feature_columns

# Never a feature, whatever a table declares: outcomes, what is derived from them, and what names the channel itself.
_NEVER = re.compile(
    r"(horizon|target|delta)_.*|(view|like|comment)_count|.*_per_day|age_days|virality_score|channel_id|channel_title"
)


def assert_no_feature_leakage(columns: Iterable[str], information_set: InformationSet) -> None:
    """Stop unless every column is declared in `tables.METADATA_FEATURES` as known with `information_set`.

    columns: of the tabular features a model is given; columns of vectors are not its subject.

    Raises LeakageError: names the columns that are not, and those that are never a feature.
    """
    allowed = set(feature_columns(information_set))
    leaking = [column for column in columns if column not in allowed or _NEVER.fullmatch(column)]
    if leaking:
        raise LeakageError(
            f"a feature must be declared in tables.METADATA_FEATURES as known with the information set "
            f"{information_set!r}; these are not: {', '.join(leaking)}. Drop them, or choose the set that knows them."
        )
