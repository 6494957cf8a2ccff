"""The owner's own click-through rates, from the files that `vidrank import-analytics` was given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.checks import conforming, schema_check
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, schema_metadata, table_metadata
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.capture.analytics import Analytics, beside_earlier
from vidrank_assets.capture.analytics import video_analytics as analytics_of
from vidrank_assets.pair_tables import REJECTED_ANALYTICS, VIDEO_ANALYTICS
from vidrank_assets.schema import Table
from vidrank_assets.storage import Storage

#: What is there is read, added to and written: no other import, and no upkeep, may rewrite it meanwhile.
_POOL = "capture"


class AnalyticsConfig(dg.Config):
    """Which file is imported."""

    file: str | None = Field(None, description="a CSV with video_id, impressions, ctr, or YouTube Studio's export")


@dg.multi_asset(
    outs={
        table.name: dg.AssetOut(
            io_manager_key="tables",
            group_name="dataset",
            kinds={"polars", "parquet"},
            owners=[OWNER],
            metadata=schema_metadata(table),
            description=description,
        )
        for table, description in (
            (VIDEO_ANALYTICS, "Measured click-through rates: the newest import of each video."),
            (REJECTED_ANALYTICS, "Rows of the imported files that were set aside, each with its line and reason."),
        )
    },
    pool=_POOL,
    check_specs=[schema_check(VIDEO_ANALYTICS)],
    retry_policy=RETRIES,
)
@faults_are_final
def imported_analytics(
    config: AnalyticsConfig, store: dg.ResourceParam[FolderStore]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Impressions and click-through rates of the owner's videos, which only the owner can export.

    A file is added to what earlier ones said; without a file that stays as it is. No row of it goes into the event log,
    from which nothing can be removed.
    """
    opened = store.open()
    earlier = Analytics(_stored(opened, VIDEO_ANALYTICS), _stored(opened, REJECTED_ANALYTICS))
    nothing = Analytics(VIDEO_ANALYTICS.empty(), REJECTED_ANALYTICS.empty())
    imported = analytics_of(Path(config.file)) if config.file else nothing
    both = beside_earlier(earlier, imported)
    table, conforms = conforming(VIDEO_ANALYTICS, both.rows)
    reasons = imported.rejected["reason"].value_counts().sort("count", "reason", descending=[True, False])
    yield dg.MaterializeResult(
        asset_key=VIDEO_ANALYTICS.name,
        value=table,
        metadata={
            "videos_imported": imported.rows.height,
            "videos_new": imported.rows.join(earlier.rows, on="video_id", how="anti").height,
            "rows_set_aside": imported.rejected.height,
            "set_aside_for": ", ".join(f"{n} {reason}" for reason, n in reasons.iter_rows()) or "nothing",
            "median_ctr": table.select(pl.col("ctr").median()).item(),
        },
        check_results=[conforms],
    )
    yield dg.MaterializeResult(
        asset_key=REJECTED_ANALYTICS.name,
        value=REJECTED_ANALYTICS.checked(both.rejected),
        metadata={"rejected": imported.rejected.height, "by_reason": table_metadata(reasons, rows=len(reasons) or 1)},
    )


def _stored(store: Storage, table: Table) -> pl.DataFrame:
    key = f"{table.name}/data.parquet"
    return store.read_table(key) if store.exists(key) else table.empty()
