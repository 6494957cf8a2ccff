"""Which vectors each fused row is made of, and what is done where one of them is missing or has another width."""

import hashlib
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple, get_args

import numpy as np
import polars as pl

from vidrank_assets.catalog import Modality
from vidrank_assets.errors import InvalidInput, NoRows
from vidrank_assets.features.fusion import base as fusion
from vidrank_assets.features.vectors import Matrix
from vidrank_assets.tables import FUSED_MANIFEST


class Chosen(NamedTuple):
    """The vector of each video that has one, of a single encoder revision.

    rows: `video_id`, `emb_key`, `shard_idx`, `dim`, `captured_at`, `embedded_at`.
    encoder: name and revision; null when nothing is embedded.
    n_older: videos that only an older revision has embedded.
    """

    rows: pl.DataFrame
    encoder: str | None
    n_older: int


def chosen_vectors(manifest: pl.LazyFrame) -> Chosen:
    """The first content of each video, by the revision that was used last: vectors of two revisions don't compare."""
    used = manifest.group_by("encoder").agg(pl.col("embedded_at").max()).sort("embedded_at", "encoder").collect()
    last = used["encoder"][-1] if used.height else None
    order = ["video_id", "captured_at", "content_hash", "embedded_at", "shard_key", "shard_idx"]
    of_last = manifest.filter(pl.col("encoder") == pl.lit(last, pl.String)).sort(order)
    first = of_last.unique("video_id", keep="first", maintain_order=True)
    rows = first.select(
        "video_id", pl.col("shard_key").alias("emb_key"), "shard_idx", "dim", "captured_at", "embedded_at"
    ).collect()
    n_videos: int = manifest.select(pl.col("video_id").n_unique()).collect().item()
    return Chosen(rows, last, n_videos - rows.height)


def aligned(chosen: Mapping[Modality, pl.DataFrame]) -> pl.DataFrame:
    """One row per video that has a vector of any modality, by first capture and video.

    Columns: `video_id`, `captured_at`, `fused_at`, and of each modality `<m>_emb_key`, `<m>_shard_idx`, `<m>_dim`.
    `captured_at` is the earliest of its contents; `fused_at` is when the newest of its vectors was made.
    Raises NoRows: there is none.
    """
    whole = pl.concat([rows.select("video_id", "captured_at", "embedded_at") for rows in chosen.values()])
    videos = whole.group_by("video_id").agg(pl.col("captured_at").min(), pl.col("embedded_at").max().alias("fused_at"))
    if videos.is_empty():
        raise NoRows(
            f"fusion needs a vector of at least one video; {', '.join(chosen)} have none. "
            "Materialize the encoders' assets for the days that were captured."
        )
    for modality, rows in chosen.items():
        columns = [pl.col(name).alias(f"{modality}_{name}") for name in ("emb_key", "shard_idx", "dim")]
        videos = videos.join(rows.select("video_id", *columns), on="video_id", how="left")
    return videos.sort("captured_at", "video_id")


class Usable(NamedTuple):
    """Rows whose vectors are all there. n_text_missing: rows that lost their text; n_skipped: rows left out."""

    rows: pl.DataFrame
    n_text_missing: int
    n_skipped: int


def with_files(rows: pl.DataFrame, there: Set[str]) -> Usable:
    """Keep what can be read: a row without its text file has no text, a row without another file is left out.

    there: the keys of all stored shards.
    Raises NoRows: nothing can be read.
    """
    present = {name: pl.col(f"{name}_emb_key").is_in(list(there)) for name in _modalities(rows)}
    lost = {name: (is_there.not_()).fill_null(False) for name, is_there in present.items()}
    n_text_missing = 0
    if "text" in lost:
        n_text_missing = int(rows.select(lost["text"].sum()).item())
        gone = [
            pl.when(~lost["text"]).then(name).alias(name) for name in ("text_emb_key", "text_shard_idx", "text_dim")
        ]
        rows = rows.with_columns(gone)
    kept = rows.filter(~pl.any_horizontal(pl.lit(False), *(lost[name] for name in lost if name != "text")))
    kept = kept.filter(pl.any_horizontal(pl.col(f"{name}_emb_key").is_not_null() for name in _modalities(rows)))
    if kept.is_empty():
        raise NoRows(
            f"fusion needs a video whose vectors are stored; of {rows.height} none has its files. "
            "Restore the embeddings folder, or remove the embedding manifest and materialize the encoders again."
        )
    return Usable(kept, n_text_missing, rows.height - kept.height)


def widths(rows: pl.DataFrame) -> dict[Modality, int]:
    """The width of each modality that some row has: the most common one, the wider one in a tie.

    Raises InvalidInput: a modality other than text has several.
    """
    found: dict[Modality, int] = {}
    for modality in _modalities(rows):
        counts = rows[f"{modality}_dim"].drop_nulls().value_counts().sort("count", f"{modality}_dim", descending=True)
        if counts.height > 1 and modality != "text":
            raise InvalidInput(
                f"vectors of one modality must have one width; {modality} has {sorted(counts[f'{modality}_dim'])}. "
                "Embed all days again with one encoder."
            )
        if counts.height:
            found[modality] = int(counts[f"{modality}_dim"][0])
    return found


def n_of_other_width(rows: pl.DataFrame, widths: Mapping[Modality, int]) -> int:
    """How many vectors have another width than their modality, and will be padded or cut."""
    return sum(int((rows[f"{modality}_dim"] != width).sum()) for modality, width in widths.items())


def fitted(matrix: Matrix, width: int) -> Matrix:
    """Rows cut to the width, or padded to it with zeros."""
    out = np.zeros((len(matrix), width), np.float32)
    out[:, : matrix.shape[1]] = matrix[:, :width]
    return out


def placed(n_videos: int, parts: Iterable[tuple[pl.Series, Matrix]], *, width: int) -> fusion.Modality:
    """One modality of some videos, put together from vectors of several widths, each cut or padded to one.

    parts: rows of vectors, and the places of their videos among all.
    """
    matrix, present = np.zeros((n_videos, width), np.float32), np.zeros(n_videos, bool)
    for places, vectors in parts:
        matrix[places.to_numpy()] = fitted(vectors, width)
        present[places.to_numpy()] = True
    return fusion.Modality(matrix, present)


def version(strategy: str, encoders: Mapping[Modality, str | None], *, blocks: Mapping[str, int]) -> str:
    """A name for everything that decides the fused vectors, such as `concat-3f2a9c1be0d4`."""
    said = f"{strategy} {sorted(encoders.items())} {list(blocks.items())}"
    return f"{strategy}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def manifest_rows(rows: pl.DataFrame, *, strategy: str, fused_key: str, fused_dim: int, version: str) -> pl.DataFrame:
    """`tables.FUSED_MANIFEST` for the rows of one fused shard, in its order."""
    return FUSED_MANIFEST.checked(
        completed(
            rows.with_columns(
                (pl.col(f"{name}_emb_key").is_not_null()).cast(pl.Int64).alias(f"{name}_present")
                for name in _modalities(rows)
            ).with_columns(
                pl.lit(strategy).alias("fusion_strategy"),
                pl.lit(fused_key).alias("fused_key"),
                pl.int_range(pl.len(), dtype=pl.Int64).alias("shard_idx"),
                pl.lit(fused_dim, pl.Int64).alias("fused_dim"),
                pl.lit(version).alias("feature_set_version"),
            )
        )
    )


def completed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with every column of `tables.FUSED_MANIFEST`: a modality they say nothing of is not present."""
    absent = {name: dtype for name, dtype in FUSED_MANIFEST.schema.items() if name not in rows.columns}
    return rows.with_columns(
        pl.lit(0 if name.endswith("_present") else None, dtype).alias(name) for name, dtype in absent.items()
    )


def _modalities(rows: pl.DataFrame) -> list[Modality]:
    return [name for name in get_args(Modality) if f"{name}_emb_key" in rows.columns]
