"""The maximum of the present modalities at one width."""

from collections.abc import Mapping

import numpy as np

from vidrank_assets.features.fusion.base import POOL_WIDTH, Fused, Modality, pooled_inputs


def fuse(modalities: Mapping[str, Modality], *, width: int = POOL_WIDTH) -> Fused:
    """One block, `max`, over the modalities a video has; a video without any is a row of zeros."""
    inputs = pooled_inputs(modalities, width)
    counted = [
        np.where(modality.present[:, None], inputs[name], np.float32(-np.inf)) for name, modality in modalities.items()
    ]
    highest = np.max(counted, axis=0)
    return Fused(np.where(np.isneginf(highest), np.float32(0), highest), {"max": width})
