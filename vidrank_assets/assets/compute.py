"""What an asset needs to run on, said once."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from vidrank_assets.catalog import Device


class Placement(NamedTuple):
    """The Dagster pool that an asset waits in, and the tags its op carries."""

    pool: str | None
    op_tags: Mapping[str, Any]


#: The `gpu` pool admits as many as `dagster_home/dagster.yaml` says; a Kubernetes launcher reads the tags.
PLACEMENTS: Mapping[Device, Placement] = {
    "cpu": Placement(pool=None, op_tags={}),
    "gpu": Placement(
        pool="gpu",
        op_tags={"dagster-k8s/config": {"container_config": {"resources": {"limits": {"nvidia.com/gpu": "1"}}}}},
    ),
}
