"""What is to be predicted, and which video is in which part."""

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.compute import RETRY
from vidrank_assets.assets.metadata import OWNER, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import by_horizon
from vidrank_assets.capture.inclusion import PRESETS
from vidrank_assets.dataset import candidates, splits, targets
from vidrank_assets.dataset.snapshots import first_captures
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.settings import Settings, SplitPolicy
from vidrank_assets.tables import HORIZON_TARGETS, SPLIT_MANIFEST

EVERY_DAY = dg.AssetIn(partition_mapping=dg.AllPartitionMapping())
EVERY_DAY_IF_ANY = dg.AssetIn(partition_mapping=dg.AllPartitionMapping(), metadata={"optional": True})


class TargetsConfig(dg.Config):
    """The state of knowledge that labels are made from."""

    as_of: str | None = Field(None, description="ISO instant; captures after it do not exist")
