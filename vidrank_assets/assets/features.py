"""Vectors: one asset per encoder, and the fused vectors of each strategy."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from vidrank_assets.assets.compute import PLACEMENTS
from vidrank_assets.assets.faults import RETRIES, faults_are_final
from vidrank_assets.assets.metadata import OWNER, preview, schema_metadata, table_metadata
from vidrank_assets.assets.partitions import ONE_RUN, by_day, by_strategy
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.catalog import ENCODERS, Entry
from vidrank_assets.catalog import Modality as ModalityName
from vidrank_assets.errors import NoRows
from vidrank_assets.features import embedding, foreign, fused_rows
from vidrank_assets.features.encoders.base import Encoder, load_encoder
from vidrank_assets.features.fusion.base import POOL_WIDTH, Modality, load_fusion
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage
from vidrank_assets.tables import EMBEDDING_MANIFEST, FUSED_MANIFEST
from vidrank_assets.upkeep.live_source import holds_api_data

#: The table each modality's items come from.
_SOURCES: Mapping[ModalityName, str] = {
    "image": "thumbnails", "text": "snapshots", "audio": "media_files", "video": "media_files",
}  # fmt: skip
_CHOSEN: Mapping[ModalityName, str] = Settings().encoders
_FUSED_ROWS_PER_SHARD = 16_384


def encoder_asset(name: str, entry: Entry) -> dg.AssetsDefinition:
    """The asset of one encoder: vectors of what was captured on some days and has none yet."""
    if entry.modality is None:
        raise TypeError(f"the catalog entry of encoder {name} must say its modality; add modality=… to its line.")
    placement = PLACEMENTS[entry.device]

    @dg.asset(
        name=name,
        key_prefix="embeddings",
        description=entry.summary,
        group_name="features",
        kinds={"numpy"} if entry.device == "cpu" else {"pytorch"},
        owners=[OWNER],
        metadata=schema_metadata(EMBEDDING_MANIFEST),
        partitions_def=by_day,
        backfill_policy=ONE_RUN,
        ins={"captured": dg.AssetIn(_SOURCES[entry.modality])},
        pool=placement.pool,
        op_tags=dict(placement.op_tags),
        retry_policy=RETRIES,
    )
    @faults_are_final
    def embeddings(
        context: dg.AssetExecutionContext, captured: pl.LazyFrame, store: dg.ResourceParam[FolderStore]
    ) -> dg.MaterializeResult[Any]:
        encoder = load_encoder(name, Settings())
        return dg.MaterializeResult(metadata=embed(store.open(), encoder, captured, log=context.log.info))

    return embeddings


def embed(
    store: Storage, encoder: Encoder[Any], captured: pl.LazyFrame, *, log: Callable[[str], object]
) -> dict[str, Any]:
    """Encode what has no vector yet, shard by shard, and say how it went.

    A shard is stored before the manifest part that lists it, so a killed run leaves whole shards that are listed or
    are written again under the same name.
    Raises TooManyUnreadable: after everything else is stored.
    """
    items = embedding.ITEMS[encoder.modality](captured)
    pending, n_done = embedding.backlog(items, _manifest(store, encoder.modality, encoder.name), encoder.identity)
    unreadable: list[pl.DataFrame] = []
    n_seen = n_embedded = 0
    for batch in embedding.batches(items, pending, encoder.items_per_shard):
        encoded = embedding.encoded(encoder, batch)
        unreadable.append(encoded.unreadable)
        if encoded.readable.height:
            _store(store, encoder, encoded)
        n_seen, n_embedded = n_seen + batch.height, n_embedded + encoded.readable.height
        log(f"{encoder.name}: {n_seen} of {pending.height} encoded")
    reasons = embedding.unreadable_by_reason(unreadable)
    n_items = n_done + pending.height
    embedding.assert_readable(embedding.n_faulty(unreadable), n_items=n_items, encoder=encoder.name)
    return {
        "items": n_items,
        "embedded": n_embedded,
        "already_embedded": n_done,
        "unreadable": n_seen - n_embedded,
        "unreadable_by_reason": table_metadata(reasons.drop("first_videos") if holds_api_data(store) else reasons),
        "dim": encoder.dim,
        "revision": encoder.revision,
    }


def _store(store: Storage, encoder: Encoder[Any], batch: embedding.Batch) -> None:
    shard = store.write_shard(
        f"embeddings/{encoder.modality}/{encoder.name}",
        batch.readable["video_id"].to_list(),
        batch.matrix,
        {encoder.modality: encoder.dim},
    )
    rows = embedding.manifest_rows(batch.readable, encoder=encoder, shard_key=shard, embedded_at=datetime.now(UTC))
    part = embedding.part_name(rows)
    store.write_table(f"{_manifest_folder(encoder.modality, encoder.name)}/{part}.parquet", rows)


def _manifest_folder(modality: ModalityName, encoder: str) -> str:
    return f"embedding_manifest/modality={modality}/encoder={encoder}"


def _manifest(store: Storage, modality: ModalityName, encoder: str) -> pl.LazyFrame:
    """All parts of one encoder's manifest; empty when it never ran."""
    parts = store.keys(_manifest_folder(modality, encoder), suffix=".parquet")
    return store.scan_tables(dict.fromkeys(parts)) if parts else EMBEDDING_MANIFEST.empty().lazy()


#: One asset for each encoder of the catalog, for `load_assets_from_modules` to find.
encoder_assets = [encoder_asset(name, entry) for name, entry in ENCODERS.entries.items()]


class FusionConfig(dg.Config):
    """How wide the pools are, or where fused vectors are taken from."""

    width: int = Field(POOL_WIDTH, gt=0, description="what a pooling strategy brings every modality to")
    foreign_manifest: str | None = Field(
        None, description="a fused_manifest.parquet of another system, whose vectors are taken in the place of ours"
    )


@dg.asset(
    group_name="features",
    kinds={"numpy", "parquet"},
    owners=[OWNER],
    metadata=schema_metadata(FUSED_MANIFEST),
    partitions_def=by_strategy,
    io_manager_key="tables",
    deps=[
        dg.AssetDep(dg.AssetKey(["embeddings", encoder]), partition_mapping=dg.AllPartitionMapping())
        for encoder in _CHOSEN.values()
    ],
    retry_policy=RETRIES,
)
@faults_are_final
def fused_embeddings(
    context: dg.AssetExecutionContext, config: FusionConfig, store: dg.ResourceParam[FolderStore]
) -> dg.MaterializeResult[pl.DataFrame]:
    """One vector per video, of all its modalities: the manifest, whose rows say which shard holds it."""
    if config.foreign_manifest:
        rows, told = _taken_over(store, config.foreign_manifest, context.partition_key)
    else:
        rows, told = _fused(store.open(), context.partition_key, width=config.width)
    for warning in told.pop("warnings", []):
        context.log.warning(warning)
    present = {f"{name}_present": int(rows[f"{name}_present"].fill_null(0).sum()) for name in _SOURCES}
    shown = preview(rows, of_api=holds_api_data(store.open()))
    return dg.MaterializeResult(value=rows, metadata={**told, **present, **shown})


def _fused(store: Storage, strategy: str, *, width: int) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The manifest of the vectors that one strategy makes of the chosen encoders', and what happened on the way."""
    chosen = {name: fused_rows.chosen_vectors(_manifest(store, name, encoder)) for name, encoder in _CHOSEN.items()}
    encoders = {name: each.encoder for name, each in chosen.items() if each.encoder}
    videos = fused_rows.aligned({name: chosen[name].rows for name in chosen})
    usable = fused_rows.with_files(videos, set(store.keys("embeddings", suffix=".npz")))
    widths = fused_rows.widths(usable.rows)
    fuse = load_fusion(strategy)
    parts, blocks = [], {}
    for rows in usable.rows.iter_slices(_FUSED_ROWS_PER_SHARD):
        fused = fuse({name: _modality(store, rows, name, each) for name, each in widths.items()}, width=width)
        key = store.write_shard(f"fused/{strategy}", rows["video_id"].to_list(), fused.matrix, fused.blocks)
        blocks = dict(fused.blocks)
        version = fused_rows.version(strategy, encoders, blocks=blocks)
        dim = fused.matrix.shape[1]
        parts.append(fused_rows.manifest_rows(rows, strategy=strategy, fused_key=key, fused_dim=dim, version=version))
    counts = {
        "text_missing": usable.n_text_missing,
        "skipped_file_missing": usable.n_skipped,
        "text_of_other_width": fused_rows.n_of_other_width(usable.rows, widths),
        "only_older_revision": sum(each.n_older for each in chosen.values()),
    }
    told = {
        "videos": usable.rows.height,
        "dim": sum(blocks.values()),
        "blocks": dg.MetadataValue.json(blocks),
        "encoders": dg.MetadataValue.json({str(name): each for name, each in encoders.items()}),
        "warnings": [f"{count} vectors or rows: {what.replace('_', ' ')}" for what, count in counts.items() if count],
        **counts,
    }
    return pl.concat(parts), told


def _modality(store: Storage, rows: pl.DataFrame, name: ModalityName, width: int) -> Modality:
    """The vectors of one modality, in the order of the rows; vectors of another width are padded or cut."""
    places = rows.with_row_index("place").drop_nulls(f"{name}_emb_key")
    parts = (
        (some["place"], store.gather(some[f"{name}_emb_key"], some[f"{name}_shard_idx"]))
        for some in places.partition_by(f"{name}_dim", maintain_order=True)
    )
    return fused_rows.placed(rows.height, parts, width=width)


def _taken_over(store: FolderStore, manifest: str, strategy: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The manifest of another system's vectors, which are copied into our shards, and what happened on the way."""
    ours, (folder, *_) = store.open(), (roots := foreign.roots_of(manifest))
    listed = foreign.foreign_rows(_elsewhere(store, folder).read_table(manifest.rpartition("/")[2]), strategy)
    first = listed.rows["fused_key"].unique(maintain_order=True).to_list()
    theirs = _root_with(store, roots, first)
    skipped: Counter[str] = Counter(listed.skipped)
    parts, dim = [], None
    for rows in listed.rows.partition_by("fused_key", maintain_order=True):
        key = rows["fused_key"][0]
        found = foreign.taken(rows, theirs.read(key) if theirs.exists(key) else None, width=dim)
        skipped += found.skipped
        if found.rows.height:
            dim = found.matrix.shape[1]
            ids = found.rows["video_id"].to_list()
            shard = ours.write_shard(f"fused/{strategy}", ids, found.matrix, {"fused": dim})
            parts.append(foreign.manifest_rows(found.rows, fused_key=shard, fused_dim=dim))
    if not parts:
        raise NoRows(
            f"the fused manifest {manifest} must name vectors that are there; of {listed.rows.height} rows none could "
            f"be taken: {dict(skipped)}. Put the shards beside the manifest, or below the folder its keys start at."
        )
    told = {
        "videos": sum(part.height for part in parts),
        "dim": dim,
        "text_missing": listed.n_text_coerced,
        "skipped": sum(skipped.values()),
        "skipped_by_reason": dg.MetadataValue.json(dict(skipped)),
        "foreign_manifest": manifest,
        "warnings": [f"{count} rows skipped: {reason}" for reason, count in skipped.items()],
    }
    return pl.concat(parts), told


def _root_with(store: FolderStore, roots: list[str], keys: list[str]) -> Storage:
    """The folder below which the keys lie; the manifest's own when none of them is found."""
    opened = [_elsewhere(store, root) for root in roots]
    return next((each for each in opened if any(each.exists(key) for key in keys)), opened[0])


def _elsewhere(store: FolderStore, root: str) -> Storage:
    """A folder, or a place in a bucket that is reached as our own store is."""
    same_kind = root.startswith("s3://")
    return store.model_copy(update={"root": root}).open() if same_kind else FolderStore(root=root).open()
