"""What is checked of a table, where a person sees it.

A check belongs to the partition that is made, so it is reported by the asset that makes it. A structural fault, of
schema, key or leakage, raises before anything is written: what was stored stays, and what depends on it does not run.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from vidrank_assets.schema import Table

#: Fewer labels than this and no split can be made; below the share, what is learned is of the few that were captured.
_ENOUGH_LABELS, _ENOUGH_COVERAGE = 12, 0.5

LABEL_COVERAGE = dg.AssetCheckSpec(
    "label_coverage", asset="horizon_targets", description="At least half of the videos have a label."
)
NO_LEAKAGE = dg.AssetCheckSpec(
    "no_leakage", asset="metadata_features", blocking=True, description="Every feature is known when it is used."
)


def schema_check(table: Table) -> dg.AssetCheckSpec:
    """The declaration of the check that `conforming` reports."""
    key = f", and ({', '.join(table.key)}) occurs once" if table.key else ""
    return dg.AssetCheckSpec(
        "schema_and_key", asset=table.name, blocking=True, description=f"The declared columns and types{key}."
    )


def conforming(table: Table, frame: pl.DataFrame) -> tuple[pl.DataFrame, dg.AssetCheckResult]:
    """The declared columns of a frame, and the check that says so.

    Raises InvalidTable: a column is missing, has another type or holds nulls where it may not, or a key repeats.
    """
    checked = table.checked(frame)
    told = {"rows": checked.height, "columns": checked.width}
    return checked, dg.AssetCheckResult(check_name="schema_and_key", asset_key=table.name, passed=True, metadata=told)


def label_coverage(coverage: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Whether enough videos have a label to learn from, and enough of them to speak for all."""
    labels, share = coverage["labels"], coverage["label_coverage"]
    return dg.AssetCheckResult(
        check_name=LABEL_COVERAGE.name,
        passed=bool(labels >= _ENOUGH_LABELS and share >= _ENOUGH_COVERAGE),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"labels": labels, "coverage": share},
    )
