"""The partitions, derived from the tables of the domain, and the folders they are stored in."""

import warnings
from datetime import UTC, datetime

import dagster as dg

from vidrank_assets.catalog import FUSIONS
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.settings import Settings

# These are what Dagster documents for this; that their interface may change is not news for a user.
BETA = ".*(backfill_policy|SpecificPartitionsPartitionMapping).*"
warnings.filterwarnings("ignore", message=BETA, category=dg.BetaWarning)

#: Several partitions of an asset are made by one run.
ONE_RUN = dg.BackfillPolicy.single_run()

#: Today is a partition too: a capture of today is made today.
by_day = dg.DailyPartitionsDefinition(
    start_date=datetime.combine(Settings().first_day, datetime.min.time(), UTC), end_offset=1
)
by_horizon = dg.StaticPartitionsDefinition(list(HORIZONS))
by_strategy = dg.StaticPartitionsDefinition(list(FUSIONS.entries))
by_strategy_and_horizon = dg.MultiPartitionsDefinition({"strategy": by_strategy, "horizon": by_horizon})

_DIMENSIONS = (("day", by_day), ("horizon", by_horizon), ("strategy", by_strategy))


def every_partition(*assets: str) -> list[dg.AssetDep]:
    """Dependencies on all partitions of some assets, whatever the partition that is made."""
    return [dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping()) for asset in assets]


def folder_of(partitions_def: dg.PartitionsDefinition[str], partition_key: str) -> str:
    """The hive-style folder of a partition: `day=2026-01-05`, or `strategy=concat/horizon=7d`."""
    if isinstance(partitions_def, dg.MultiPartitionsDefinition):
        keys = partitions_def.get_partition_key_from_str(partition_key).keys_by_dimension
        return "/".join(f"{dimension}={keys[dimension]}" for dimension in ("strategy", "horizon"))
    (dimension,) = (name for name, definition in _DIMENSIONS if definition == partitions_def)
    return f"{dimension}={partition_key}"
