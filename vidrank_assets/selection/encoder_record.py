"""The immutable record of a tuned encoder: the model itself, how it was learned, and whether it ranks better."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from vidrank_assets.models.tuning.pictured_videos import Pictured
from vidrank_assets.models.tuning.tuned_ranker import SCORED, TunedRanker
from vidrank_assets.selection.encoder_comparison import Figures, compared_encoders

#: What decides the content of the folder.
CONFIG = "config_used.json"


@dataclass(frozen=True)
class EncoderRecord:
    """A tuned ranker and what was found of it. figures: as `compared_encoders` gives them. config: what decided it."""

    ranker: TunedRanker
    figures: Figures
    config: Mapping[str, Any]

    @classmethod
    def of(
        cls, ranker: TunedRanker, videos: Pictured, training_pairs: pl.DataFrame, config: Mapping[str, Any]
    ) -> "EncoderRecord":
        """The record of a ranker that was tuned on these videos and is judged by the pairs between them."""
        scores = {
            who: {
                video: score
                for part in SCORED
                for video, score in zip(videos.parts[part].stored.video_ids, ranks[part].tolist(), strict=True)
            }
            for who, ranks in ranker.scores.items()
        }
        return cls(ranker, compared_encoders(training_pairs, scores, of="tuned"), config)

    def save(self, folder: Path) -> None:
        """Write it into an existing folder: what `TunedRanker.save` writes, `facts.json`, and what CONFIG names."""
        self.ranker.save(folder)
        of_all = {"facts": dict(self.ranker.facts), "pairwise_auc": self.figures}
        for name, content in (("facts.json", of_all), (CONFIG, self.config)):
            (folder / name).write_text(json.dumps(content, indent=1, allow_nan=False))

    def rows(self) -> pl.DataFrame:
        """A row for each part and who ranks it, or what is gained over whom: `pairwise_auc`, `low`, `high`."""
        rows = [
            (part, who, each["value"], each["low"], each["high"])
            for part, figures in self.figures.items()
            for who, each in figures.items()
        ]
        return pl.DataFrame(rows, schema=("split", "ranked_by", "pairwise_auc", "low", "high"), orient="row")
