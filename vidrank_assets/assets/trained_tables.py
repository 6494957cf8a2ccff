"""Which of the tables that a family learned from are others now."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from vidrank_assets.assets.io_managers import latest_metadata


def changed_since_training(
    instance: dg.DagsterInstance, config: Mapping[str, Any], family: str, *, read: Mapping[str, str]
) -> list[str]:
    """The tables whose bytes are not those that the family learned from, in alphabetical order.

    config: `config_used` of a run that trained the family. read: the tables that are asked about, each with its
    partition. One of which the run or the event log does not tell the SHA-256 is not among them.
    """
    learned = config["families"][family]["data_versions"]
    now = {
        name: latest_metadata(instance, dg.AssetKey(name), [partition]).get(partition, {}).get("sha256")
        for name, partition in read.items()
    }
    return sorted(name for name, sha256 in now.items() if sha256 and learned.get(name) not in (None, sha256))
