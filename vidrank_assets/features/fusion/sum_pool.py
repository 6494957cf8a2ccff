"""The sum of the present modalities at one width."""

from collections.abc import Mapping

import numpy as np

from vidrank_assets.features.fusion.base import POOL_WIDTH, Fused, Modality, pooled_inputs


def fuse(modalities: Mapping[str, Modality], *, width: int = POOL_WIDTH) -> Fused:
    """One block, `sum`; a video without any modality is a row of zeros."""
    inputs = pooled_inputs(modalities, width)
    return Fused(np.sum(list(inputs.values()), axis=0, dtype=np.float32), {"sum": width})
