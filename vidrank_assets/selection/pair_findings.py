"""What there is to tell of a trained ranker: how sure it is of test pairs, what its heads say, what it looks at."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from vidrank_assets.features.encoders.base import Encoder
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.pairwise_ranker import Heads, PairwiseRanker
from vidrank_assets.pair_tables import SUB_SCORES
from vidrank_assets.selection.metrics import Vector
from vidrank_assets.selection.occlusion import occlusion
from vidrank_assets.selection.pair_examples import Surest
from vidrank_assets.selection.report.pair_page import SeenVideo
from vidrank_assets.selection.variant_vectors import variant_vectors


def dated(pairs: pl.DataFrame, training_pairs: pl.DataFrame, part: str) -> pl.DataFrame:
    """The pairs of a part, as `Trial.pair_predictions`, with `days_apart` and `judged_by` of `TRAINING_PAIRS`."""
    of_pairs = training_pairs.select("video_id_a", "video_id_b", "days_apart", "judged_by")
    return pairs.filter(split=part).join(of_pairs, on=["video_id_a", "video_id_b"], how="left", maintain_order="left")


def head_rows(heads: Heads, video_ids: Sequence[str], ranking_targets: pl.DataFrame) -> pl.DataFrame:
    """What heads say of videos and what was measured of them: `head`, `video_id`, `y_true`, `y_pred`; no nulls.

    heads: of these videos, in their order. ranking_targets: `pair_tables.RANKING_TARGETS`.
    """
    videos = pl.DataFrame({"video_id": video_ids}).join(
        ranking_targets, on="video_id", how="left", maintain_order="left"
    )
    said = {"ctr": heads.ctr} | {name: heads.sub_scores[:, at] for at, name in enumerate(SUB_SCORES)}
    rows = [
        videos.select(head=pl.lit(name), video_id="video_id", y_true=name, y_pred=pl.Series(values))
        for name, values in said.items()
    ]
    return pl.concat(rows).drop_nulls().filter(pl.col("y_true").is_finite())


def seen_videos(
    ranker: PairwiseRanker,
    vectors: Vectors,
    encoder: Encoder[Any],
    *,
    pictures: Mapping[str, bytes],
    titles: Mapping[str, str | None],
) -> dict[str, SeenVideo]:
    """What of each picture its video's score hangs on, by id; the title stays as it is.

    vectors: of these videos among others, a block each for picture and title. encoder: the one that the ranker's image
    block is of. pictures: by video id, readable. titles: by video id.
    """
    row = {video: at for at, video in enumerate(vectors.video_ids)}
    return {
        video: SeenVideo(titles.get(video), picture, occlusion(picture, _scores(ranker, vectors, row[video], encoder)))
        for video, picture in pictures.items()
    }


def _scores(
    ranker: PairwiseRanker, vectors: Vectors, row: int, encoder: Encoder[Any]
) -> Callable[[Sequence[bytes]], Vector]:
    """What a video would score with other pictures."""
    read = {name: width for name, width in vectors.blocks.items() if name in ("image", "text")}
    kept = {name: vectors.block(name)[row] for name in read if name != "image"}

    def scores(pictures: Sequence[bytes]) -> Vector:
        beside = {name: np.tile(block, (len(pictures), 1)) for name, block in kept.items()}
        return ranker.heads(variant_vectors({"image": encoder.encode(pictures).matrix, **beside}, read)).score

    return scores


def with_pictures(examples: Surest, pictures: Mapping[str, bytes]) -> Surest:
    """The pairs of which both pictures are there."""
    known = [pl.col(f"video_id_{side}").is_in(list(pictures)) for side in ("a", "b")]
    return Surest(*(rows.filter(*known) for rows in examples))
