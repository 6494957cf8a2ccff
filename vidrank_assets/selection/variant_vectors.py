"""Vectors of pictures and titles that belong to no captured video, as a ranker reads those of videos."""

from collections.abc import Mapping

import numpy as np

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.vectors import Matrix, Vectors


def variant_vectors(encoded: Mapping[str, Matrix], blocks: Mapping[str, int]) -> Vectors:
    """One row per variant, its blocks at unit length, by the code that fuses those of captured videos end to end.

    encoded: what an encoder made, (n_variants, width) by modality; a block that is not among them is absent, as in a
    video without that modality. blocks: the widths that the ranker was fitted on, in their order.

    Raises InvalidInput: a modality is no block, or has another width.
    """
    n_variants = {len(matrix) for matrix in encoded.values()}
    if len(n_variants) != 1 or any(blocks.get(name) != matrix.shape[1] for name, matrix in encoded.items()):
        shapes = {name: matrix.shape for name, matrix in encoded.items()}
        raise InvalidInput(
            f"variants must have a row each in blocks that the ranker was fitted on, {dict(blocks)}; got {shapes}. "
            "Encode them with its encoders, or train it again with those of now."
        )
    (n,) = n_variants
    modalities = {
        name: Modality(encoded.get(name, np.zeros((n, width), np.float32)), np.full(n, name in encoded))
        for name, width in blocks.items()
    }
    fused = load_fusion("concat")(modalities)
    return Vectors(tuple(f"variant {i + 1}" for i in range(n)), fused.matrix, fused.blocks)
