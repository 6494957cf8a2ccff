"""All modalities end to end."""

from collections.abc import Mapping

import numpy as np

from vidrank_assets.features.fusion.base import POOL_WIDTH, Fused, Modality, unit_rows


def fuse(modalities: Mapping[str, Modality], *, width: int = POOL_WIDTH) -> Fused:
    """One block per modality, at unit length and at its own width, which `width` doesn't change; absent is zeros."""
    blocks = {name: modality.matrix.shape[1] for name, modality in modalities.items()}
    return Fused(np.concatenate([unit_rows(modality) for modality in modalities.values()], axis=1), blocks)
