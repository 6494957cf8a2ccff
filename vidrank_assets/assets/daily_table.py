"""What the assets that capture a table have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from vidrank_assets.assets.checks import schema_check
from vidrank_assets.assets.faults import RETRIES
from vidrank_assets.assets.metadata import OWNER, schema_metadata
from vidrank_assets.assets.partitions import ONE_RUN, by_day
from vidrank_assets.schema import Table


def daily_table(
    table: Table,
    *,
    pool: str | None = None,
    deps: Sequence[str] = (),
    ins: Mapping[str, dg.AssetIn] | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declares an asset that makes a table with a partition a day, several of which are made by one run."""
    return dg.asset(
        name=table.name,
        group_name="capture",
        kinds={"polars", "parquet"},
        owners=[OWNER],
        metadata=schema_metadata(table),
        partitions_def=by_day,
        backfill_policy=ONE_RUN,
        deps=deps,
        ins=ins,
        pool=pool,
        io_manager_key="tables",
        check_specs=[schema_check(table)],
        retry_policy=RETRIES,
    )
