"""Fused vectors that another system wrote: a `fused_manifest.parquet` and `.npz` shards, taken row by row.

Layout: `clipfarm/fused/<strategy>/...npz` with `vectors` (n, dim) and `video_ids`; a row's `fused_key` says where.
"""

from collections import Counter
from io import BytesIO
from pathlib import PurePosixPath
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import polars as pl

from vidrank_assets.errors import InvalidInput, NoRows
from vidrank_assets.features.fused_rows import completed
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.tables import FUSED_MANIFEST

_REQUIRED = ("video_id", "fusion_strategy", "fused_key", "shard_idx")
_TIMES = ("%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f")
#: A manifest's keys are relative to its own folder or to a folder at most this far above it.
LEVELS_ABOVE = 4


class ForeignRows(NamedTuple):
    """The usable rows of a foreign manifest, one per video, sorted by shard; skipped: the others, by reason."""

    rows: pl.DataFrame
    skipped: Counter[str]
    n_text_coerced: int


def foreign_rows(manifest: pl.DataFrame, strategy: str) -> ForeignRows:
    """The rows of one strategy in the columns of `tables.FUSED_MANIFEST`.

    A row that says it has text but names no text vector is coerced to `text_present` 0. Of a video that is listed
    twice the newest row is taken.
    Raises InvalidInput: a required column is missing, or rows state several widths. NoRows: none is of the strategy.
    """
    if absent := sorted(set(_REQUIRED) - set(manifest.columns)):
        raise InvalidInput(
            f"a fused manifest must have the columns {', '.join(_REQUIRED)}; {', '.join(absent)} missing. "
            "Export it again with them."
        )
    of_strategy = manifest.filter(pl.col("fusion_strategy") == strategy)
    if of_strategy.is_empty():
        found = ", ".join(manifest["fusion_strategy"].drop_nulls().unique().sort().cast(pl.String)) or "none"
        raise NoRows(f"the fused manifest must have rows of strategy {strategy}; it has {found}. Choose one of those.")
    typed = completed(of_strategy.select(_typed(of_strategy)))
    named = typed.drop_nulls(["video_id", "fused_key", "shard_idx"]).filter(_inside())
    newest = named.sort("fused_at", "fused_key", "shard_idx", descending=True, nulls_last=True)
    rows = newest.unique("video_id", keep="first").sort("fused_key", "shard_idx", "video_id")
    _check_one_width(rows)
    text, n_coerced = _text_presence(rows, "text_emb_key" in manifest.columns)
    skipped = Counter(
        {"without id, key or row": typed.height - named.height, "listed again": named.height - rows.height}
    )
    return ForeignRows(rows.with_columns(text), +skipped, n_coerced)


def _typed(manifest: pl.DataFrame) -> list[pl.Expr]:
    """The columns that are known here, in their declared types; what cannot be read as such is null."""
    declared = FUSED_MANIFEST.schema
    return [_as(name, manifest.schema[name], declared[name]) for name in declared if name in manifest.columns]


def _as(name: str, found: pl.DataType, declared: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if declared.is_temporal() and found == pl.String:
        plain = column.str.replace("T", " ").str.replace("Z$", "+00:00")
        parsed = [plain.str.to_datetime(form, time_zone="UTC", time_unit="us", strict=False) for form in _TIMES]
        return pl.coalesce(parsed).alias(name)
    if isinstance(found, pl.Datetime) and declared.is_temporal():
        aware = column.dt.replace_time_zone("UTC") if found.time_zone is None else column.dt.convert_time_zone("UTC")
        return aware.cast(declared)
    return column.cast(declared, strict=False)


def _inside() -> pl.Expr:
    """A key that stays below the folder it is relative to."""
    parts = pl.col("fused_key").str.split("/")
    return ~pl.col("fused_key").str.starts_with("/") & ~parts.list.contains("..")


def _text_presence(rows: pl.DataFrame, says_where: bool) -> tuple[pl.Expr, int]:
    """`text_present` as 0 or 1, and how many rows had it without a vector."""
    claimed = pl.col("text_present").fill_null(0) != 0
    unfounded = claimed & pl.col("text_emb_key").is_null() if says_where else pl.lit(False)
    n_coerced = rows.filter(unfounded).height
    return (claimed & ~unfounded).cast(pl.Int64).alias("text_present"), n_coerced


def _check_one_width(rows: pl.DataFrame) -> None:
    stated = rows["fused_dim"].drop_nulls().unique().sort().to_list()
    if len(stated) > 1:
        raise InvalidInput(
            f"fused vectors of one strategy must have one width; the manifest states {stated}. "
            "Keep the rows of one export."
        )


def roots_of(manifest: str) -> list[str]:
    """The folders that a manifest's keys may be relative to, nearest first; manifest: a path or an `s3://` address."""
    scheme, _, path = manifest.rpartition("://")
    prefix = f"{scheme}://" if scheme else ""
    above = list(PurePosixPath(path).parents)[: LEVELS_ABOVE + 1]
    return [f"{prefix}{folder}" for folder in above if str(folder) not in (".", "/")]


class Taken(NamedTuple):
    """The rows of one foreign shard that could be read. matrix: (n_rows, dim); skipped: the others, by reason."""

    rows: pl.DataFrame
    matrix: Matrix
    skipped: Counter[str]


def taken(rows: pl.DataFrame, shard: bytes | None, *, width: int | None) -> Taken:
    """The vectors that some manifest rows name in one shard; None is a shard whose file is missing.

    width: that of the shards before it.
    Raises InvalidInput: the shard has another width, or another than its rows state.
    """
    nothing = np.zeros((0, width or 0), np.float32)
    if shard is None:
        return Taken(rows.clear(), nothing, Counter({"shard file missing": rows.height}))
    try:
        with np.load(BytesIO(shard), allow_pickle=False) as arrays:
            vectors, ids = np.asarray(arrays["vectors"], np.float32), arrays["video_ids"].astype(np.str_)
    except (BadZipFile, KeyError, ValueError, EOFError, OSError):
        return Taken(rows.clear(), nothing, Counter({"shard unreadable": rows.height}))
    if vectors.ndim != 2 or len(ids) != len(vectors):  # noqa: PLR2004 (a matrix has two axes)
        return Taken(rows.clear(), nothing, Counter({"shard unreadable": rows.height}))
    _check_width(rows, vectors.shape[1], width)
    places = rows["shard_idx"].to_numpy()
    within = (places >= 0) & (places < len(vectors))
    safe = np.where(within, places, 0)
    same = within & (ids[safe] == rows["video_id"].to_numpy()) if len(ids) else within
    sound = same & np.isfinite(vectors[safe]).all(axis=1) if len(ids) else same
    skipped = Counter({"other video in the shard": int((~same).sum()), "not finite": int((same & ~sound).sum())})
    return Taken(rows.filter(sound), vectors[safe[sound]], +skipped)


def _check_width(rows: pl.DataFrame, found: int, width: int | None) -> None:
    expected = {width, *rows["fused_dim"].unique().to_list()} - {None}
    if expected - {found}:
        raise InvalidInput(
            f"fused vectors of one strategy must have one width, the one the manifest states; {rows['fused_key'][0]} "
            f"has {found}, expected {sorted(expected)}. Export the manifest and its shards again."
        )


def manifest_rows(rows: pl.DataFrame, *, fused_key: str, fused_dim: int) -> pl.DataFrame:
    """`tables.FUSED_MANIFEST` for foreign rows whose vectors now lie in a shard of ours, in its order.

    What the other system calls its single-modality vectors is dropped, because they are not in our store.
    """
    elsewhere = [name for name in rows.columns if name.endswith(("_emb_key", "_shard_idx"))]
    return FUSED_MANIFEST.checked(
        rows.with_columns(pl.lit(None, FUSED_MANIFEST.schema[name]).alias(name) for name in elsewhere).with_columns(
            pl.lit(fused_key).alias("fused_key"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("shard_idx"),
            pl.lit(fused_dim, pl.Int64).alias("fused_dim"),
            pl.col("feature_set_version").fill_null("foreign"),
        )
    )
