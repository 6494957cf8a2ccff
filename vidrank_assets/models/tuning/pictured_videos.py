"""Videos whose thumbnail is there to be looked at, and the pairs between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.errors import NoPairs
from vidrank_assets.features.vectors import Matrix, Vectors
from vidrank_assets.models.comparisons import Comparisons
from vidrank_assets.models.ranking_inputs import blocks_of
from vidrank_assets.models.tuning.thumbnail_pixels import MEMORY_MIB, ThumbnailPixels

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class PicturedVideos:
    """The videos of one part of the split that have a picture.

    stored: their vectors as the store holds them, blocks `image` and `text` where they are known. pictures:
    (n_videos,), the number of each one's thumbnail among the pixels. comparisons: the pairs between them.
    """

    stored: Vectors
    pictures: NDArray[np.int64]
    comparisons: Comparisons

    def seen_by(self, image: Matrix) -> Vectors:
        """The same videos with image vectors of another encoder, (n_videos, d_image), before those of the titles."""
        text = blocks_of(self.stored, ["text"])
        blocks = {"image": image.shape[1], **text.blocks}
        return Vectors(self.stored.video_ids, np.concatenate([image, text.matrix], axis=1), blocks)


class Pictured(NamedTuple):
    """What a tuning learns from and is judged by.

    parts: train, val and test. left_out: how many videos and pairs are in none of them, by reason.
    """

    pixels: ThumbnailPixels
    parts: Mapping[str, PicturedVideos]
    left_out: Mapping[str, int]


def pictured(
    thumbnails: pl.DataFrame,
    vectors: Vectors,
    training_pairs: pl.DataFrame,
    ranking_targets: pl.DataFrame,
    *,
    model: Path,
    memory_mib: int = MEMORY_MIB,
) -> Pictured:
    """The videos of the pairs whose thumbnail can be read.

    thumbnails: `video_id` and `image`, one a video. vectors: of any videos; one that has none has zeros. The others:
    `pair_tables.TRAINING_PAIRS` and `pair_tables.RANKING_TARGETS`. model: as `ThumbnailPixels` takes it.
    Raises NoPairs: a part is left without a pair.
    """
    asked = pl.concat([training_pairs["video_id_a"], training_pairs["video_id_b"]]).unique()
    shown = thumbnails.filter(pl.col("video_id").is_in(asked.implode())).sort("video_id")
    pixels = ThumbnailPixels(shown["image"].to_list(), model, memory_mib=memory_mib)
    readable = np.setdiff1d(np.arange(shown.height), list(pixels.unreadable))
    number = dict(zip(shown["video_id"][readable], readable.tolist(), strict=True))
    stored = _aligned(vectors, list(number))
    parts = {part: _part(training_pairs.filter(split=part), ranking_targets, number, stored) for part in PARTS}
    n_pairs = sum(len(each.comparisons.pairs) for each in parts.values())
    left_out = {
        "videos_without_thumbnail": len(asked) - shown.height,
        "unreadable_thumbnails": len(pixels.unreadable),
        "pairs_without_both": training_pairs.height - n_pairs,
    }
    if empty := [part for part, each in parts.items() if not len(each.comparisons.pairs)]:
        raise NoPairs(
            f"each part must have pairs whose thumbnails can be read; {', '.join(empty)} has none of "
            f"{training_pairs.height} pairs, {left_out}. Capture thumbnails, or look at why they can't be read."
        )
    return Pictured(pixels, parts, left_out)


def _part(
    pairs: pl.DataFrame, ranking_targets: pl.DataFrame, number: Mapping[str, int], stored: Vectors
) -> PicturedVideos:
    sides = pl.concat([pairs["video_id_a"], pairs["video_id_b"]]).unique().sort()
    place = {video: row for row, video in enumerate(stored.video_ids)}
    ids = [video for video in sides if video in number]
    return PicturedVideos(
        stored.rows([place[video] for video in ids]),
        np.array([number[video] for video in ids], np.int64),
        Comparisons.of(ids, pairs, ranking_targets),
    )


def _aligned(vectors: Vectors, video_ids: Sequence[str]) -> Vectors:
    """Image and title vectors of these videos, in their order."""
    known = blocks_of(vectors, ["image", "text"])
    place = {video: row for row, video in enumerate(known.video_ids)}
    matrix: Matrix = np.zeros((len(video_ids), known.matrix.shape[1]), np.float32)
    there = [row for row, video in enumerate(video_ids) if video in place]
    matrix[there] = known.matrix[[place[video_ids[row]] for row in there]]
    return Vectors(tuple(video_ids), matrix, known.blocks)
