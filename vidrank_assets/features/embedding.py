"""Which items have no vector yet, the shards they are encoded in, and what the manifest says of them.

An item is a picture, a title or the path of a media file: `video_id`, `content_hash`, `captured_at` and the `item`
itself.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl

from vidrank_assets.catalog import Modality
from vidrank_assets.errors import TooManyUnreadable
from vidrank_assets.features.encoders.base import Encoder
from vidrank_assets.features.encoders.media import NO_PICTURES, NO_SOUND
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.tables import EMBEDDING_MANIFEST

#: Above this share of unreadable items, the source or the encoder is at fault and not the items.
TOLERATED = 0.1

#: A silent film is absent in sound, as a video without a file is; nobody is at fault.
_LACKING = (NO_SOUND, NO_PICTURES)

_CONTENT = ("video_id", "content_hash")
_ORDER = ("captured_at", *_CONTENT)


def pictures(thumbnails: pl.LazyFrame) -> pl.LazyFrame:
    """The items of `tables.THUMBNAILS`."""
    return thumbnails.select(*_ORDER, pl.col("image").alias("item"))


def titles(snapshots: pl.LazyFrame) -> pl.LazyFrame:
    """The items of `tables.SNAPSHOTS`: each title a video had, at its first capture; without a title there is none."""
    named = snapshots.drop_nulls("title")
    first = named.group_by("video_id", pl.col("title").alias("item")).agg(pl.col("captured_at").min()).collect()
    hashes = [hashlib.sha256(title.encode()).hexdigest() for title in first["item"]]
    return first.with_columns(pl.Series("content_hash", hashes, pl.String)).select(*_ORDER, "item").lazy()


def media(files: pl.LazyFrame) -> pl.LazyFrame:
    """The items of `tables.MEDIA_FILES`: the paths, which the encoders of sound and of film open."""
    return files.select(*_ORDER, pl.col("path").alias("item"))


ITEMS: Mapping[Modality, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "image": pictures, "text": titles, "audio": media, "video": media,
}  # fmt: skip


class Backlog(NamedTuple):
    """What is to be encoded. pending: the items' keys, oldest capture first; n_done: how many have vectors already."""

    pending: pl.DataFrame
    n_done: int


def backlog(items: pl.LazyFrame, manifest: pl.LazyFrame, encoder: str) -> Backlog:
    """The items that `encoder`, a name with its revision, has not encoded yet; each content of a video once."""
    keys = items.group_by(_CONTENT).agg(pl.col("captured_at").min()).sort(_ORDER).collect()
    done = manifest.filter(pl.col("encoder") == encoder).select(_CONTENT).collect()
    pending = keys.join(done, on=_CONTENT, how="anti", maintain_order="left")
    return Backlog(pending, keys.height - pending.height)


def batches(items: pl.LazyFrame, pending: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    """The pending items themselves, `size` at a time, in order; only the captures of a batch's days are read for it."""
    for keys in pending.iter_slices(size):
        captured = pl.col("captured_at")
        within = items.filter(captured.is_between(keys["captured_at"].min(), keys["captured_at"].max()))
        yield within.join(keys.lazy(), on=list(_ORDER), how="semi").unique(_CONTENT).sort(_ORDER).collect()


class Batch(NamedTuple):
    """One shard's worth of encoded items. readable: keys of the rows of matrix; unreadable: keys with a `reason`."""

    readable: pl.DataFrame
    matrix: Matrix
    unreadable: pl.DataFrame


def encoded(encoder: Encoder[Any], batch: pl.DataFrame) -> Batch:
    """Encode the items of a batch; those that cannot be read are set aside with the reason."""
    vectors = encoder.encode(batch["item"].to_list())
    reasons = pl.Series("reason", [vectors.unreadable.get(i) for i in range(batch.height)], pl.String)
    keys = batch.select(_ORDER).with_columns(reasons)
    readable = keys["reason"].is_null()
    return Batch(keys.filter(readable).drop("reason"), vectors.matrix[readable.to_numpy()], keys.filter(~readable))


def manifest_rows(
    readable: pl.DataFrame, *, encoder: Encoder[Any], shard_key: str, embedded_at: datetime
) -> pl.DataFrame:
    """`tables.EMBEDDING_MANIFEST` for the rows of one shard, in its order."""
    rows = readable.with_columns(
        pl.lit(encoder.modality).alias("modality"),
        pl.lit(encoder.identity).alias("encoder"),
        pl.lit(shard_key).alias("shard_key"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("shard_idx"),
        pl.lit(encoder.dim, pl.Int64).alias("dim"),
        pl.lit(embedded_at).cast(EMBEDDING_MANIFEST.schema["embedded_at"]).alias("embedded_at"),
    )
    return EMBEDDING_MANIFEST.checked(rows)


def part_name(rows: pl.DataFrame) -> str:
    """The name of a manifest part, from what it lists: the same items encoded again replace it, others never do."""
    listed = rows.select("encoder", *_CONTENT, "shard_key").write_csv()
    return hashlib.sha256(listed.encode()).hexdigest()[:32]


def unreadable_by_reason(batches_done: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """How many items could not be read, by reason, most frequent first, and the first videos concerned."""
    empty = pl.DataFrame(schema={"video_id": pl.String, "reason": pl.String})
    rows = pl.concat([empty, *(batch.select("video_id", "reason") for batch in batches_done)])
    counted = rows.group_by("reason").agg(pl.len().alias("items"), pl.col("video_id").head(5).alias("first_videos"))
    return counted.sort(["items", "reason"], descending=[True, False])


def n_faulty(batches_done: Sequence[pl.DataFrame]) -> int:
    """How many items could not be read, without those that are sound and only lack what the encoder reads."""
    return sum(batch.filter(~pl.col("reason").is_in(_LACKING)).height for batch in batches_done)


def assert_readable(n_unreadable: int, *, n_items: int, encoder: str) -> None:
    """Raise TooManyUnreadable if more than the tolerated share of all items, encoded before or now, is unreadable."""
    if n_unreadable > TOLERATED * n_items:
        raise TooManyUnreadable(
            f"at most {TOLERATED:.0%} of the items may be unreadable; {encoder} could not read {n_unreadable} of "
            f"{n_items}. The others are stored; look at the reasons, correct the source and materialize again."
        )
