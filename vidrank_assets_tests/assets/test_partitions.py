import dagster as dg
import pytest

from vidrank_assets.assets.partitions import by_day, by_horizon, by_strategy, by_strategy_and_horizon, folder_of
from vidrank_assets.catalog import FUSIONS
from vidrank_assets.horizons import HORIZONS

CELL = dg.MultiPartitionKey({"horizon": "7d", "strategy": "concat"})


@pytest.mark.parametrize(
    ("definition", "key", "folder"),
    [
        (by_day, "2026-01-05", "day=2026-01-05"),
        (by_horizon, "30d", "horizon=30d"),
        (by_strategy, "max_pool", "strategy=max_pool"),
        (by_strategy_and_horizon, CELL, "strategy=concat/horizon=7d"),
        (by_strategy_and_horizon, str(CELL), "strategy=concat/horizon=7d"),
    ],
)
def test_a_partition_lies_in_a_hive_style_folder(definition, key, folder):
    assert folder_of(definition, key) == folder


def test_partitions_are_the_horizons_and_strategies_of_the_domain():
    assert by_horizon.get_partition_keys() == list(HORIZONS)
    assert by_strategy.get_partition_keys() == list(FUSIONS.entries)
    assert len(by_strategy_and_horizon.get_partition_keys()) == len(HORIZONS) * len(FUSIONS.entries)
