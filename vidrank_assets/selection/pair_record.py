"""The immutable record of what was found of a ranker: the page, the figures, and its probabilities of pairs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Self

import polars as pl

from vidrank_assets.selection.model_snapshot import SWEPT
from vidrank_assets.selection.pair_probability import PairProbability
from vidrank_assets.tables import SPLIT_MANIFEST


@dataclass(frozen=True)
class PairRecord:
    """What a ranker's report leaves behind.

    probability: None, and no figures, where there are too few pairs to tell. figures: what is said of the ranker on
    test, by name; what is not finite is null. config and data: those of the
    ranker's `ModelSnapshot`, of which retention reads how old its data are. split_manifest: `tables.SPLIT_MANIFEST` of
    the videos concerned. page: the HTML about them; None after it was swept.
    """

    probability: PairProbability | None
    figures: Mapping[str, float | None]
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    split_manifest: pl.DataFrame
    page: str | None

    def save(self, folder: Path) -> None:
        """Write the record into an existing, empty folder. What is of single videos has the names of a run's folder."""
        _write_json(folder / "pair_probability.json", self.probability and self.probability.as_json())
        _write_json(folder / "pair_figures.json", self.figures)
        _write_json(folder / "config_used.json", self.config)
        _write_json(folder / "data_summary.json", self.data)
        self.split_manifest.write_parquet(folder / "split_manifest.parquet")
        if self.page is not None:
            (folder / "report.html").write_text(self.page)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The record that `save` wrote, without what was removed since."""
        swept, page = (folder / SWEPT).exists(), folder / "report.html"
        probability = _read_json(folder / "pair_probability.json")
        return cls(
            probability=probability and PairProbability.of_json(probability),
            figures=_read_json(folder / "pair_figures.json"),
            config=_read_json(folder / "config_used.json"),
            data=_read_json(folder / "data_summary.json"),
            split_manifest=SPLIT_MANIFEST.empty() if swept else pl.read_parquet(folder / "split_manifest.parquet"),
            page=page.read_text() if page.exists() and not swept else None,
        )


def finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Figures as JSON holds them."""
    return {name: value if isfinite(value) else None for name, value in figures.items()}


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False))


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text())
