"""An image encoder tuned to rank: made when it is asked for, and used when VIDRANK_CLIP_MODEL names its folder."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.compute import PLACEMENTS
from vidrank_assets.assets.dataset import EVERY_DAY
from vidrank_assets.assets.family_config import parameters_config
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.io_managers import latest_metadata, recorded_sha256
from vidrank_assets.assets.metadata import OWNER, table_metadata
from vidrank_assets.assets.partitions import by_horizon, folder_of
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.run_id import run_id_of
from vidrank_assets.assets.vectors import fused_vectors
from vidrank_assets.errors import AlreadyStored, ArtifactMissing
from vidrank_assets.features.encoders.clip import SETTING
from vidrank_assets.features.encoders.transformers_model import weights
from vidrank_assets.files import Stored
from vidrank_assets.models.tuning.encoder_tuning import Tuning
from vidrank_assets.models.tuning.first_thumbnails import first_thumbnails
from vidrank_assets.models.tuning.pictured_videos import pictured
from vidrank_assets.models.tuning.tuned_ranker import ENCODER, tuned_ranker
from vidrank_assets.selection.encoder_record import CONFIG, EncoderRecord
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage

#: The vectors of titles and, to compare with, of pictures are those that this strategy lays end to end.
_STRATEGY = "concat"
_PLACEMENT = PLACEMENTS["gpu"]

EncoderTuningConfig = parameters_config(
    "encoder_tuning",
    Tuning,
    model=(str, Field(Settings().clip_model, description="what is tuned: a CLIP model by name or folder")),
    seed=(int, Field(Settings().seed, description="seed of everything random")),
)


@dg.asset(
    group_name="features",
    kinds={"pytorch"},
    owners=[OWNER],
    partitions_def=by_horizon,
    ins={
        "thumbnails": EVERY_DAY,
        "fused_embeddings": dg.AssetIn(partition_mapping=dg.SpecificPartitionsPartitionMapping([_STRATEGY])),
    },
    pool=_PLACEMENT.pool,
    op_tags=dict(_PLACEMENT.op_tags),
    retry_policy=RETRIES,
)
@faults_are_final
def tuned_encoder(
    context: dg.AssetExecutionContext,
    config: EncoderTuningConfig,  # type: ignore[valid-type]
    thumbnails: pl.LazyFrame,
    fused_embeddings: pl.DataFrame,
    training_pairs: pl.DataFrame,
    ranking_targets: pl.DataFrame,
    store: dg.ResourceParam[FolderStore],
) -> dg.MaterializeResult[Any]:
    """A CLIP image encoder learned from pixels with the ranker: its last blocks (phase 2), or all of it (phase 3).

    Judged on val and test pairs beside heads alone (phase 1), on the encoder before pairs and on vectors of the store.
    A killed tuning goes on where it was. Nothing embeds with it until VIDRANK_CLIP_MODEL names its folder: then it is
    another revision, and every picture is embedded anew.
    """
    opened, place = store.open(), folder_of(by_horizon, context.partition_key)
    settings: dict[str, Any] = config.model_dump()  # type: ignore[attr-defined]
    seed, model = settings.pop("seed"), weights(settings.pop("model"), setting=SETTING)
    tuning = Tuning(**settings)
    vectors = fused_vectors(opened, fused_embeddings, unfused=True).modalities
    shown = first_thumbnails(thumbnails, training_pairs)
    tables = (training_pairs, ranking_targets)
    videos = pictured(shown, vectors, *tables, model=model.folder, memory_mib=tuning.memory_mib)
    workplace = Path(Settings().training_folder, place, context.asset_key.path[-1])
    ranker = tuned_ranker(videos, model.folder, tuning, seed=seed, workplace=workplace)
    versions = _data_versions(context.instance, context.partition_key)
    used = {"tuning": tuning.model_dump(), "seed": seed, "model": model.identity, "data_versions": versions}
    record = EncoderRecord.of(ranker, videos, training_pairs, used)
    stored = _stored(opened, f"models/encoders/{place}/run_id={run_id_of(context.run)}", record)
    return dg.MaterializeResult(
        metadata={
            **ranker.facts,
            **{f"{part}_pairwise_auc": each["tuned"]["value"] for part, each in record.figures.items()},
            "pairwise_auc": table_metadata(record.rows(), rows=20),
            "dagster/uri": opened.uri(stored.key),
            "artifact": stored.key,
            "sha256": stored.sha256,
            "size_bytes": stored.n_bytes,
            SETTING: str(_on_this_machine(opened, stored)),
        }
    )


tune_encoder = dg.define_asset_job(
    "tune_encoder",
    dg.AssetSelection.assets(tuned_encoder),
    description="The image encoder, learned from pixels with the ranker of one horizon.",
)


def _data_versions(instance: dg.DagsterInstance, horizon: str) -> Mapping[str, str]:
    """The SHA-256 of the tables that say which videos are compared; the pictures' are in them as video ids."""
    read = {"training_pairs": horizon, "ranking_targets": horizon, "fused_embeddings": _STRATEGY}
    return {name: recorded_sha256(instance, dg.AssetKey(name), partition) for name, partition in read.items()}


def _stored(store: Storage, key: str, record: EncoderRecord) -> Stored:
    """What is stored of the record; what the same run stored before it was killed and could say so is taken for it.

    Raises AlreadyStored: the run has stored something else there.
    """
    with TemporaryDirectory() as local:
        record.save(Path(local))
        try:
            return store.write_artifact(key, Path(local))
        except AlreadyStored:
            if store.read(f"{key}/{CONFIG}") != Path(local, CONFIG).read_bytes():
                raise
            return store.stored_artifact(key)


def _on_this_machine(store: Storage, stored: Stored) -> Path:
    """The folder of the encoder: in the store where that is a folder, else a copy beside the trainings."""
    if "://" not in (uri := store.uri(stored.key)):
        return Path(uri, ENCODER)
    copy = Path(Settings().training_folder, "encoders", stored.sha256[:12], ENCODER)
    with store.open_artifact(stored.key, sha256=stored.sha256) as folder:
        shutil.copytree(folder / ENCODER, copy, dirs_exist_ok=True)
    return copy


def said_of_tuned_encoder(instance: dg.DagsterInstance, horizon: str) -> Sequence[str]:
    """What `vidrank tune-encoder` prints of the latest tuned encoder of a horizon, a line each.

    Raises ArtifactMissing: there is none.
    """
    latest = latest_metadata(instance, tuned_encoder.key, [horizon]).get(horizon)
    if latest is None:
        raise ArtifactMissing(
            f"an encoder must be tuned before it is told of; that of {horizon} never was. Run vidrank tune-encoder."
        )
    rows = [record.data for record in latest["pairwise_auc"].records]
    lines = [f"{row['split']:<5} {row['ranked_by']:<20} {_interval(row)}" for row in rows]
    return [*lines, f"export {SETTING}={latest[SETTING]}"]


def _interval(row: Mapping[str, Any]) -> str:
    bounds = "" if row["low"] is None else f" [{row['low']:.4f}, {row['high']:.4f}]"
    return f"{row['pairwise_auc']:.4f}{bounds}"
