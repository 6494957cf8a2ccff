"""Which encoders made the vectors that a family learned from, and whether those of now are the same."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import dagster as dg

from vidrank_assets.errors import InvalidInput
from vidrank_assets.features.encoders.base import Encoder, load_encoder
from vidrank_assets.settings import Settings

_FUSED = dg.AssetKey("fused_embeddings")
#: So many fusions of a strategy are looked through, the newest first: one a day for years.
_LOOKED_THROUGH = 1000


class _Written(NamedTuple):
    """What was written of a fused manifest. encoders: of its vectors; empty where another system fused them."""

    sha256: str | None
    encoders: Mapping[str, str]


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
    encoders = _learned_from(_written(instance, strategy), config, family)
    if not encoders:
        sha256 = _sha256(config, family)
        raise InvalidInput(
            f"{family} must have learned from vectors that were fused here; those of {strategy} with SHA-256 "
            f"{sha256[:12]} are of another system or of no recorded fusion. Materialize fused_embeddings and "
            f"models/{family}."
        )
    return dict(encoders)


def assert_fused_as_trained(instance: dg.DagsterInstance, config: Mapping[str, Any], family: str) -> None:
    """Raise InvalidInput if the fused vectors of now are of other encoders than those that the family learned from."""
    strategy = config["cell"]["fusion_strategy"]
    written = _written(instance, strategy)
    learned, now = _learned_from(written, config, family), written[-1].encoders if written else {}
    if learned != now:
        raise InvalidInput(
            f"vectors must be made as {family} learned them, by {_named(learned)}; those of {strategy} are now made by "
            f"{_named(now)}. Materialize models/{family}."
        )


def _written(instance: dg.DagsterInstance, strategy: str) -> list[_Written]:
    """The manifests of a strategy, the newest last.

    An upkeep that rewrites a manifest is an observation, and changes no encoder.
    """
    of_strategy = dg.AssetRecordsFilter(asset_key=_FUSED, asset_partitions=[strategy])
    records = [
        record
        for fetch in (instance.fetch_materializations, instance.fetch_observations)
        for record in fetch(of_strategy, limit=_LOOKED_THROUGH).records
    ]
    written: list[_Written] = []
    for record in sorted(records, key=lambda each: each.storage_id):
        event = record.asset_materialization or record.event_log_entry.asset_observation
        told: dict[str, Any] = {name: value.value for name, value in event.metadata.items()} if event else {}
        before = {} if record.asset_materialization or not written else written[-1].encoders
        written.append(_Written(told.get("sha256"), told.get("encoders", before)))
    return written


def _learned_from(written: list[_Written], config: Mapping[str, Any], family: str) -> Mapping[str, str]:
    sha256 = _sha256(config, family)
    return next((each.encoders for each in reversed(written) if each.sha256 == sha256), {})


def _sha256(config: Mapping[str, Any], family: str) -> str:
    sha256: str = config["families"][family]["data_versions"]["fused_embeddings"]
    return sha256


def _named(encoders: Mapping[str, str]) -> str:
    return ", ".join(encoders[modality] for modality in sorted(encoders)) or "no known encoder"
