"""The immutable record of a comparison: the table, the page, and which runs it is of."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl


@dataclass(frozen=True)
class ComparisonRecord:
    """All leaderboards side by side. table: `results.COMPARISON`. page: the HTML about it."""

    table: pl.DataFrame
    page: str

    def save(self, folder: Path) -> None:
        """Write table, page and the runs compared into an existing, empty folder."""
        self.table.write_csv(folder / "comparison.csv")
        self.table.write_parquet(folder / "comparison.parquet")
        (folder / "comparison.html").write_text(self.page)
        compared = (
            self.table.select("run_id", "fusion_strategy", "horizon_days", "scored_videos").unique().sort(pl.all())
        )
        (folder / "config_used.json").write_text(json.dumps({"compared": compared.to_dicts()}, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The record that `save` wrote."""
        return cls(pl.read_parquet(folder / "comparison.parquet"), (folder / "comparison.html").read_text())
