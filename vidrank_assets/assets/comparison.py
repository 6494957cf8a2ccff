"""What is best over all strategies, horizons and runs."""

import dagster as dg

from vidrank_assets import recorded
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, picture_metadata, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import every_partition
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.errors import NoRows
from vidrank_assets.results import COMPARISON
from vidrank_assets.selection.comparison import best_by_run, printed, side_by_side
from vidrank_assets.selection.comparison import comparison as compared
from vidrank_assets.selection.comparison_record import ComparisonRecord
from vidrank_assets.selection.report.comparison_page import comparison_page, comparison_png


@dg.asset(
    group_name="selection",
    kinds={"html", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(COMPARISON),
    deps=every_partition("model_snapshot"),
    io_manager_key="artifacts",
    retry_policy=RETRIES,
)
@faults_are_final
def comparison(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[FolderStore]
) -> dg.MaterializeResult[ComparisonRecord]:
    """Every leaderboard that was ever made, ranked by the metric of the last one among those of the same videos."""
    found = recorded.all_leaderboards(store.open())
    for folder in found.other_columns:
        context.log.warning(f"{folder} is of another version of vidrank and is not compared.")
    if found.rows.is_empty():
        raise NoRows("a comparison must be of at least one leaderboard; none is recorded. Materialize leaderboard.")
    table = compared(found.rows, metric_name=found.rows["rank_metric"][-1])
    page = comparison_page(found.rows, found.label_counts)
    pictures = comparison_png(found.rows, found.label_counts)
    return dg.MaterializeResult(
        value=ComparisonRecord(table, page),
        metadata={
            "leaderboards": table.select("run_id", "fusion_strategy", "horizon_days").n_unique(),
            "runs": table["run_id"].n_unique(),
            "not_compared": len(found.other_columns),
            "best": table_metadata(printed(table.filter("is_best_of_horizon")), rows=50),
            "side_by_side": table_metadata(side_by_side(table), rows=100),
            "best_by_run": table_metadata(best_by_run(table), rows=100),
            **{name: picture_metadata(picture) for name, picture in pictures.items()},
        },
    )
