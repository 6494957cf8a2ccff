"""Vectors of what is gone: their rows leave the manifests, and the shards that held them are written without them.

What is new is written first, then the fused manifests point to it, and then the old files are removed: whatever moment
a process is killed at, every manifest names files that are there, and the next upkeep comes to the same end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, get_args

import polars as pl

from vidrank_assets.catalog import Modality
from vidrank_assets.features.embedding import part_name
from vidrank_assets.upkeep.changes import Changes
from vidrank_assets.upkeep.retention import Outcome

_MANIFEST, _SHARDS, _FUSED, _FUSED_SHARDS = "embedding_manifest", "embeddings", "fused_embeddings", "fused"
_PLACE = pl.Schema({"key": pl.String, "row": pl.Int64})


class Living(Protocol):
    """Which vectors stay."""

    def vectors(self, manifest: pl.DataFrame) -> pl.DataFrame:
        """The rows of `tables.EMBEDDING_MANIFEST` whose title, picture, sound or film is still kept, in their order."""
        ...

    def fused(self, manifest: pl.DataFrame) -> pl.DataFrame:
        """The rows of `tables.FUSED_MANIFEST` whose video is still kept, in their order."""
        ...

    def unlisted(self, video_ids: Sequence[str], lost: frozenset[str]) -> bool:
        """Whether a shard of these videos that no manifest names may stay; lost: the videos that lose a vector now."""
        ...


@dataclass
class _Moves:
    """Where vectors lie now. places: `key` and `row` before, `new_key` and `new_row`, of those that are elsewhere.

    listed: `key` and `row` of all that some manifest part lists. lost: videos that lost a vector. old: files that have
    successors.
    """

    places: list[pl.DataFrame] = field(default_factory=list)
    listed: list[pl.DataFrame] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    old: set[str] = field(default_factory=set)


def sweep_vectors(changes: Changes, living: Living) -> None:
    """Remove the vectors that are not to stay, and every row, single or fused, that is made of one."""
    moves = _Moves()
    for part in changes.store.keys(_MANIFEST, suffix=".parquet"):
        _rewrite_part(changes, living, part, moves)
    places = pl.concat([pl.DataFrame(schema={**_PLACE, "new_key": pl.String, "new_row": pl.Int64}), *moves.places])
    listed = pl.concat([_PLACE.to_frame(), *moves.listed]).unique()
    named: set[str] = set()
    for key in changes.store.keys(_FUSED, suffix="/data.parquet"):
        named |= _rewrite_fused(changes, living, key, places=places, listed=listed)
    kept = set(listed["key"])
    changes.remove(_SHARDS, moves.old - kept)
    _remove_unlisted(changes, living, _SHARDS, named=kept | moves.old, lost=frozenset())
    _remove_unlisted(changes, living, _FUSED_SHARDS, named=named, lost=frozenset(moves.lost))


def _rewrite_part(changes: Changes, living: Living, part: str, moves: _Moves) -> None:
    store = changes.store
    rows = store.read_table(part)
    kept = living.vectors(rows)
    place = (pl.col("shard_key").alias("key"), pl.col("shard_idx").alias("row"))
    if kept.height == rows.height:
        moves.listed.append(rows.select(place))
        return
    changes.count(_SHARDS, rows.height - kept.height)
    moves.lost |= set(rows.join(kept, on=["video_id", "content_hash"], how="anti")["video_id"])
    moves.old |= {part, *rows["shard_key"]}
    for of_shard in kept.partition_by("shard_key", maintain_order=True):
        old = of_shard["shard_key"][0]
        if not store.exists(old):
            continue
        matrix = store.gather(of_shard["shard_key"], of_shard["shard_idx"])
        prefix = old.rpartition("/")[0]
        key = changes.shard(prefix, of_shard["video_id"].to_list(), matrix, store.shard_blocks(old))
        moved = of_shard.with_columns(shard_key=pl.lit(key), shard_idx=pl.int_range(pl.len(), dtype=pl.Int64))
        new_place = (pl.col("shard_key").alias("new_key"), pl.col("shard_idx").alias("new_row"))
        moves.places.append(pl.concat([of_shard.select(place), moved.select(new_place)], how="horizontal"))
        moves.listed.append(moved.select(place))
        folder = part.rpartition("/")[0]
        changes.unrecorded(_SHARDS, f"{folder}/{part_name(moved)}.parquet", Outcome(moved, 0), moved=True)


def _rewrite_fused(
    changes: Changes, living: Living, key: str, *, places: pl.DataFrame, listed: pl.DataFrame
) -> set[str]:
    """Rewrite one strategy's manifest, and return the shards that it names."""
    rows = changes.store.read_table(key)
    kept = _pointing_anew(living.fused(rows), places, listed)
    removed = rows.height - kept.height
    strategy = key.split("/")[1]
    moved = not kept.equals(rows)
    if removed:
        kept = _in_new_shards(changes, rows, kept)
    changes.table(_FUSED, strategy, Outcome(kept, removed), moved=moved)
    named = set(kept["fused_key"])
    changes.remove(_FUSED_SHARDS, set(rows["fused_key"]) - named)
    return named | set(rows["fused_key"])


def _pointing_anew(rows: pl.DataFrame, places: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """The fused rows whose vectors are all still listed, each naming where they lie now."""
    columns = rows.columns
    for modality in get_args(Modality):
        key, row = f"{modality}_emb_key", f"{modality}_shard_idx"
        at = places.rename({"key": key, "row": row})
        rows = rows.join(at, on=[key, row], how="left", maintain_order="left").with_columns(
            pl.coalesce("new_key", key).alias(key), pl.coalesce("new_row", row).alias(row)
        )
        there = listed.select(pl.col("key").alias(key), pl.col("row").alias(row), is_listed=pl.lit(True))
        rows = rows.drop("new_key", "new_row").join(there, on=[key, row], how="left", maintain_order="left")
        rows = rows.filter(pl.col(key).is_null() | pl.col("is_listed")).select(columns)
    return rows


def _in_new_shards(changes: Changes, rows: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """The rows, those of a shard that some row leaves in a new shard without it."""
    before = dict(rows["fused_key"].value_counts().iter_rows())
    parts = [kept.clear()]
    for of_shard in kept.partition_by("fused_key", maintain_order=True):
        old = of_shard["fused_key"][0]
        if of_shard.height == before[old]:
            parts.append(of_shard)
            continue
        matrix = changes.store.gather(of_shard["fused_key"], of_shard["shard_idx"])
        blocks = changes.store.shard_blocks(old)
        key = changes.shard(old.rpartition("/")[0], of_shard["video_id"].to_list(), matrix, blocks)
        parts.append(of_shard.with_columns(fused_key=pl.lit(key), shard_idx=pl.int_range(pl.len(), dtype=pl.Int64)))
    return pl.concat(parts)


def _remove_unlisted(changes: Changes, living: Living, folder: str, *, named: set[str], lost: frozenset[str]) -> None:
    """Remove shards that no manifest names: those of an earlier fusion, or of an encoder that was killed."""
    unlisted = [key for key in changes.store.keys(folder, suffix=".npz") if key not in named]
    changes.remove(
        folder, [key for key in unlisted if not living.unlisted(changes.store.read_shard(key).video_ids, lost)]
    )
