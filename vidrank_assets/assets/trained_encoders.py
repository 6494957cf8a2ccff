"""Which encoders made the vectors that a family learned from, and whether those of now are the same."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.base import Encoder, load_encoder
from vidrank_assets.settings import Settings

_FUSED = dg.AssetKey("fused_embeddings")
#: So many fusions of a strategy are looked through, the newest first: one a day for years.
_LOOKED_THROUGH = 1000


def encoders_as_trained(
    instance: dg.DagsterInstance, config: Mapping[str, Any], family: str, *, settings: Settings
) -> dict[str, Encoder[Any]]:
    """The encoders of picture and title that the settings name, by modality, after they were compared.

    config: `config_used` of a run that trained the family.

    Raises InvalidInput: the family learned from vectors of other encoders, or revisions, or of another system.
    EncoderUnavailable: an encoder's weights or packages cannot be loaded.
    """
    trained = trained_encoders(instance, config, family)
    read = [modality for modality in ("image", "text") if modality in config["features"]["modalities"]]
    loaded = {modality: load_encoder(settings.encoders[modality], settings) for modality in read}  # type: ignore[index]
    for modality, encoder in loaded.items():
        if encoder.identity != trained.get(modality):
            raise InvalidInput(
                f"{modality} must be encoded as {family} learned it, by {trained.get(modality) or 'no known encoder'}; "
                f"VIDRANK_{modality.upper()}_ENCODER is now {encoder.identity}. Set it back, or embed, fuse and train "
                "again with the one of now."
            )
    return loaded


def trained_encoders(instance: dg.DagsterInstance, config: Mapping[str, Any], family: str) -> dict[str, str]:
    """Name and revision of each modality's encoder, as the fusion recorded them whose vectors the family learned from.

    Raises InvalidInput: no such fusion is recorded, or its vectors came from another system.
    """
    strategy = config["cell"]["fusion_strategy"]
    sha256 = config["families"][family]["data_versions"]["fused_embeddings"]
    of_strategy = dg.AssetRecordsFilter(asset_key=_FUSED, asset_partitions=[strategy])
    events: list[tuple[int, dict[str, Any]]] = [
        (record.storage_id, {name: value.value for name, value in event.metadata.items()})
        for fetch in (instance.fetch_materializations, instance.fetch_observations)
        for record in fetch(of_strategy, limit=_LOOKED_THROUGH).records
        if (event := record.asset_materialization or record.event_log_entry.asset_observation)
    ]
    # An upkeep that rewrites the manifest is an observation, and changes no encoder: what was fused before it counts.
    learned_at = max((at for at, metadata in events if metadata.get("sha256") == sha256), default=-1)
    fused = [
        metadata["encoders"] for at, metadata in sorted(events, key=_at) if at <= learned_at and "encoders" in metadata
    ]
    if not fused:
        raise InvalidInput(
            f"{family} must have learned from vectors that were fused here; those of {strategy} with SHA-256 "
            f"{sha256[:12]} are of another system or of no recorded fusion. Materialize fused_embeddings and "
            f"models/{family}."
        )
    encoders: dict[str, str] = fused[-1]
    return encoders


def _at(event: tuple[int, Any]) -> int:
    return event[0]
