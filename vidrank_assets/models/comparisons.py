"""Which of two videos did better, and what else a family that learns from pairs is told of each video."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vidrank_assets.errors import InvalidInput
from vidrank_assets.pair_tables import SUB_SCORES

Indices = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True)
class Comparisons:
    """Pairs of some videos, and what else is to be learned of each; a video may be in many pairs or in none.

    pairs: (n_pairs, 2), rows of the videos, that of the one published earlier first. first_won: (n_pairs,).
    margin: (n_pairs,), |a - b| / max(a, b) of what judged them. judged_by_ctr: (n_pairs,).
    channel: (n_videos,), a number for each channel. ctr: (n_videos,), 0 to 1, NaN where it is not known.
    sub_scores: (n_videos, 6) in the order of `pair_tables.SUB_SCORES`, 0 to 1, NaN where one is not measured.

    Raises InvalidInput: they don't fit together.
    """

    pairs: NDArray[np.int64]
    first_won: NDArray[np.bool_]
    margin: NDArray[np.float64]
    judged_by_ctr: NDArray[np.bool_]
    channel: NDArray[np.int64]
    ctr: NDArray[np.float64]
    sub_scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        n_pairs, n_videos = len(self.pairs), len(self.channel)
        of_pairs = {"pairs": (n_pairs, 2)} | dict.fromkeys(("first_won", "margin", "judged_by_ctr"), (n_pairs,))
        of_videos = {"ctr": (n_videos,), "sub_scores": (n_videos, len(SUB_SCORES))}
        wrong = {name: found for name, shape in (of_pairs | of_videos).items() if (found := self._shape(name)) != shape}
        if wrong or (n_pairs and not 0 <= self.pairs.min() <= self.pairs.max() < n_videos):
            raise InvalidInput(
                f"comparisons must be of one set of videos and of one set of pairs between them; got {n_videos} videos "
                f"and {n_pairs} pairs with {wrong or 'a row that is no video'}. Make them with Comparisons.of."
            )

    def _shape(self, name: str) -> tuple[int, ...]:
        shape: tuple[int, ...] = getattr(self, name).shape
        return shape

    @classmethod
    def of(cls, video_ids: Sequence[str], training_pairs: pl.DataFrame, ranking_targets: pl.DataFrame) -> Self:
        """What `pair_tables.TRAINING_PAIRS` and `pair_tables.RANKING_TARGETS` say of these videos, in their order.

        Pairs of which one video is not among them are left out. A video without a channel is a channel of its own.
        """
        rows = pl.DataFrame({"video_id": video_ids}, schema={"video_id": pl.String}).with_row_index("row")
        videos = rows.join(ranking_targets, on="video_id", how="left", maintain_order="left")
        places = rows.select(video_id="video_id", row=pl.col("row").cast(pl.Int64))
        pairs = training_pairs
        for side in ("a", "b"):
            renamed = places.rename({"video_id": f"video_id_{side}", "row": side})
            pairs = pairs.join(renamed, on=f"video_id_{side}", maintain_order="left")
        channel = pl.coalesce("channel_id", "video_id").rank("dense").cast(pl.Int64) - 1
        return cls(
            pairs=pairs.select("a", "b").to_numpy().reshape(-1, 2),
            first_won=(pairs["winner"] == 1).to_numpy(),
            margin=pairs["margin"].to_numpy(),
            judged_by_ctr=(pairs["judged_by"] == "ctr").to_numpy(),
            channel=videos.select(channel).to_series().to_numpy(),
            ctr=videos["ctr"].to_numpy(),
            sub_scores=videos.select(SUB_SCORES).to_numpy(),
        )

    def rows(self, indices: Indices) -> "Comparisons":
        """What is said of some of the videos, in the order given, with the pairs that are between two of them."""
        chosen = np.asarray(indices, np.int64)
        place = np.full(len(self.channel), -1)
        place[chosen] = np.arange(len(chosen))
        pairs = place[self.pairs]
        kept = (pairs >= 0).all(axis=1)
        return Comparisons(
            pairs=pairs[kept],
            first_won=self.first_won[kept],
            margin=self.margin[kept],
            judged_by_ctr=self.judged_by_ctr[kept],
            channel=self.channel[chosen],
            ctr=self.ctr[chosen],
            sub_scores=self.sub_scores[chosen],
        )
