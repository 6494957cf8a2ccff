"""The vectors that rows of the fused manifest name, as the families read them."""

from collections import Counter
from typing import get_args

import polars as pl

from vidrank_assets.catalog import Modality as ModalityName
from vidrank_assets.errors import NoRows
from vidrank_assets.features.fused_rows import placed
from vidrank_assets.features.fusion.base import Modality, load_fusion
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.storage import Storage

_MODALITIES: tuple[ModalityName, ...] = get_args(ModalityName)


def fused_vectors(store: Storage, manifest: pl.DataFrame, *, unfused: bool = False) -> Vectors:
    """The vectors that rows of `tables.FUSED_MANIFEST` name, in their order.

    unfused: where the strategy pools, with the vectors that it pooled beside them, each at its own width.

    Raises NoRows: there are no rows. ArtifactMissing, ChecksumMismatch: a shard is gone or was changed.
    """
    if manifest.is_empty():
        raise NoRows("a fused manifest must have rows to be read; it has none. Materialize fused_embeddings again.")
    matrix = store.gather(manifest["fused_key"], manifest["shard_idx"])
    blocks = store.shard_blocks(manifest["fused_key"][0])
    pooled = not set(blocks) <= set(_MODALITIES)
    return Vectors(
        tuple(manifest["video_id"]), matrix, blocks, _unfused(store, manifest) if unfused and pooled else None
    )


def _unfused(store: Storage, manifest: pl.DataFrame) -> Vectors | None:
    """The modalities end to end; None where the manifest does not say where they are."""
    modalities: dict[str, Modality] = {name: each for name in _MODALITIES if (each := _modality(store, manifest, name))}
    if not modalities:
        return None
    joined = load_fusion("concat")(modalities)
    return Vectors(tuple(manifest["video_id"]), joined.matrix, joined.blocks)


def _modality(store: Storage, manifest: pl.DataFrame, name: ModalityName) -> Modality | None:
    """The vectors of one modality, at the width that most of them have; None where no row has one."""
    places = manifest.with_row_index("place").drop_nulls(f"{name}_emb_key")
    parts = [
        (rows["place"], store.read_shard(rows[f"{name}_emb_key"][0]).matrix[rows[f"{name}_shard_idx"].to_numpy()])
        for rows in places.partition_by(f"{name}_emb_key", maintain_order=True)
    ]
    if not parts:
        return None
    n_rows: Counter[int] = Counter()
    for _, vectors in parts:
        n_rows[vectors.shape[1]] += len(vectors)
    return placed(manifest.height, parts, width=max(n_rows, key=lambda each: (n_rows[each], each)))
