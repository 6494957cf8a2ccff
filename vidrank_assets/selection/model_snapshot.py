"""The immutable record of a run on one cell: what was trained with what, how good it is, and the models themselves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import polars as pl

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.base import Findings, Step
from vidrank_assets.selection.ensemble import load_model
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.task import SCORED, SLICES, Cell
from vidrank_assets.tables import SPLIT_MANIFEST

#: Says of a folder which files were removed from it since, when and why.
SWEPT = "swept.json"


def is_of_videos(name: str) -> bool:
    """Whether a file of a snapshot, by its path within the folder, says something of single videos."""
    return name.startswith("predictions/") or name in ("split_manifest.parquet", "report.html")


@dataclass(frozen=True)
class ModelSnapshot:
    """One family of a cell, or all of them ranked; `save` writes the files that the README lists.

    config: everything that decides the numbers, see `config_used`. data: what they were learned from, see
    `data_summary`. leaderboard and slice_metrics: `results.LEADERBOARD` and `results.SLICE_METRICS` of these trials.
    report: an HTML page about them; None for a family alone. swept: when what is of single videos was removed from the
    folder, why, and which files; None while it is there. Then trials have no predictions, and there is no split.
    """

    trials: Sequence[Trial]
    leaderboard: pl.DataFrame
    slice_metrics: pl.DataFrame
    split_manifest: pl.DataFrame
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    made_at: datetime
    report: str | None = None
    swept: Mapping[str, Any] | None = None

    @property
    def trial(self) -> Trial:
        """The only trial of a family's snapshot.

        Raises InvalidInput: there are several, or its predictions were removed.
        """
        if self.swept:
            families = ", ".join(self.leaderboard["model"])
            raise InvalidInput(
                f"a family is ranked by its predictions; those of {families} were removed on {self.swept['at'][:10]}, "
                f"because {self.swept['why']}. Materialize the family again."
            )
        if len(self.trials) != 1:
            raise InvalidInput(f"a family's snapshot must hold one trial; this holds {len(self.trials)}.")
        return self.trials[0]

    def save(self, folder: Path) -> None:
        """Write everything into an existing, empty folder; nothing in it needs unpickling."""
        _write_json(folder / "config_used.json", self.config)
        _write_json(folder / "data_summary.json", self.data)
        _write_json(folder / "metrics_summary.json", self._metrics())
        for by in SLICES:
            rows = self.slice_metrics.filter(slice=by).to_dicts()
            _write_json(folder / f"slice_metrics_{by}.json", rows)
        self.split_manifest.write_parquet(folder / "split_manifest.parquet")
        self.leaderboard.write_csv(folder / "leaderboard.csv")
        self.leaderboard.write_parquet(folder / "leaderboard.parquet")
        self.slice_metrics.write_parquet(folder / "slice_metrics.parquet")
        self._save_trials(folder)
        if self.report is not None:
            (folder / "report.html").write_text(self.report)

    def _metrics(self) -> dict[str, Any]:
        rows = {row["model"]: row for row in self.leaderboard.to_dicts()}
        return {"made_at": self.made_at.isoformat(), "best": self.leaderboard["model"][0], "models": rows}

    def _save_trials(self, folder: Path) -> None:
        for name in ("models", "curves", "predictions"):
            (folder / name).mkdir()
        for each in self.trials:
            (folder / "models" / each.name).mkdir()
            each.model.save(folder / "models" / each.name)
            curve = [step._asdict() for step in each.findings.curve]
            _write_json(folder / "curves" / f"{each.name}.json", curve)
        _write_json(folder / "trials.json", {each.name: _figures(each) for each in self.trials})
        predictions = pl.concat([_named(each.predictions, each) for each in self.trials])
        for part in SCORED:
            predictions.filter(split=part).write_parquet(folder / "predictions" / f"{part}.parquet")
        pairs = pl.concat([_named(each.pair_predictions, each) for each in self.trials])
        pairs.write_parquet(folder / "predictions" / "pairs.parquet")
        gates = pl.concat([_named(each.modality_weights, each) for each in self.trials], how="diagonal")
        gates.write_parquet(folder / "predictions" / "modality_weights.parquet")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The snapshot that `save` wrote, without what was removed since."""
        report, removed = folder / "report.html", folder / SWEPT
        swept = json.loads(removed.read_text()) if removed.exists() else None
        metrics = json.loads((folder / "metrics_summary.json").read_text())
        return cls(
            trials=_load_trials(folder, whole=swept is None),
            leaderboard=pl.read_parquet(folder / "leaderboard.parquet"),
            slice_metrics=pl.read_parquet(folder / "slice_metrics.parquet"),
            split_manifest=SPLIT_MANIFEST.empty() if swept else pl.read_parquet(folder / "split_manifest.parquet"),
            config=json.loads((folder / "config_used.json").read_text()),
            data=json.loads((folder / "data_summary.json").read_text()),
            made_at=datetime.fromisoformat(metrics["made_at"]),
            report=report.read_text() if report.exists() and not swept else None,
            swept=swept,
        )


def _load_trials(folder: Path, *, whole: bool) -> list[Trial]:
    """The trials; of a folder that is not whole, those whose model is still there, without predictions."""
    stored: dict[str, dict[str, Any]] = json.loads((folder / "trials.json").read_text())
    predictions = _predictions(folder, SCORED, whole)
    pairs, gates = (_predictions(folder, [part], whole) for part in ("pairs", "modality_weights"))
    trials = []
    for name, figures in stored.items():
        if not whole and not any(path.is_file() for path in (folder / "models" / name).rglob("*")):
            continue
        curve = json.loads((folder / "curves" / f"{name}.json").read_text())
        weights = _of(gates, name)
        trials.append(
            Trial(
                cell=Cell(**figures.pop("cell")),
                model=load_model(name, folder / "models" / name),
                predictions=_of(predictions, name),
                pair_predictions=_of(pairs, name),
                modality_weights=weights.select(each for each in weights if each.null_count() < weights.height),
                findings=Findings(curve=[Step(**step) for step in curve], **figures.pop("findings")),
                **figures,
            )
        )
    return trials


def _predictions(folder: Path, parts: Sequence[str], whole: bool) -> pl.DataFrame:
    if not whole:
        return pl.DataFrame(schema={"model": pl.String})
    return pl.concat([pl.read_parquet(folder / "predictions" / f"{part}.parquet") for part in parts])


def _figures(each: Trial) -> dict[str, Any]:
    """What a trial is beside its model, its curve and its predictions."""
    return {
        "cell": asdict(each.cell),
        "findings": {"facts": dict(each.findings.facts), "importances": dict(each.findings.importances)},
        "n_train": each.n_train,
        "fit_seconds": each.fit_seconds,
        "predict_ms_per_1k": each.predict_ms_per_1k,
    }


def _named(rows: pl.DataFrame, each: Trial) -> pl.DataFrame:
    first, *others = rows.columns
    return rows.select(first, pl.lit(each.name).alias("model"), *others)


def _of(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows.filter(model=name).drop("model")


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False))
