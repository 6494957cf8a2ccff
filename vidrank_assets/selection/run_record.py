"""What a run was made with and learned from, as its folder records it: enough to make it again."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from vidrank_assets.models.tabular import categorical_columns
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.task import Task
from vidrank_assets.settings import Settings
from vidrank_assets.tables import API, METADATA_FEATURES

#: The packages whose version can change a number.
PACKAGES = (
    *("dagster", "lightgbm", "numpy", "pandas", "polars", "pyarrow", "safetensors", "scikit-learn", "scipy", "skops"),
    *("torch", "transformers", "vidrank-assets"),
)


def config_used(work: Task, trials: Sequence[Trial], *, data_versions: Mapping[str, str]) -> dict[str, Any]:
    """Everything that decides the numbers of some families on one cell; no secret is in it.

    data_versions: by asset, the SHA-256 of the table that was read.
    """
    columns, here = work.parts["train"].columns, _here()
    categorical = categorical_columns(columns)
    return {
        "cell": asdict(work.cell),
        "features": {
            "numeric": [name for name in columns.columns if name not in categorical],
            "categorical": categorical,
            "dropped": [name for name in METADATA_FEATURES.schema if name not in (*columns.columns, "video_id")],
            "fused": dict(work.parts["train"].fused.blocks),
            "modalities": dict(work.parts["train"].modalities.blocks),
        },
        "families": {
            each.name: {
                "seed": each.model.seed,
                "parameters": each.model.parameters.model_dump(mode="json"),
                "data_versions": dict(data_versions),
                **here,
            }
            for each in trials
        },
        **here,
    }


def _here() -> dict[str, Any]:
    # Which channels are one's own decides no number, and a channel can be forgotten where a run cannot be changed.
    settings = {name: value for name, value in Settings().shown().items() if name != "own_channels"}
    packages = {name: found for name in PACKAGES if (found := _version(name))}
    return {"settings": settings, "git_sha": git_sha(), "packages": packages}


def merged_config(configs: Sequence[Mapping[str, Any]], *, ranking: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of several families of one cell as one, with how they are ranked; each keeps its own part."""
    families = {name: made for each in configs for name, made in each["families"].items()}
    return {**configs[0], **_here(), "families": families, "ranking": dict(ranking)}


def data_summary(work: Task, horizon_targets: pl.DataFrame) -> dict[str, Any]:
    """Rows of each part, labels by kind, the share of missing values of each feature, and the targets, in log views.

    `oldest_api_capture_at` is the oldest capture from the Data API among the first of each video; null without any.
    """
    missing = horizon_targets.filter(horizon_label_type="missing")["horizon_missing_reason"]
    kinds = horizon_targets.filter(pl.col("horizon_label_type") != "missing")["horizon_label_type"]
    columns = work.parts["train"].columns
    captures_of_api = horizon_targets.filter(source=API)["first_captured_at"].drop_nulls().sort()
    return {
        "rows": {part: len(rows) for part, rows in work.parts.items()},
        "pairs": {part: work.pairs.filter(split=part).height for part in ("val", "test")},
        "left_out": dict(work.left_out),
        "label_counts": {**_counted(kinds), "missing": _counted(missing)},
        "missing_share": {name: columns[name].null_count() / max(columns.height, 1) for name in columns.columns},
        "target": {part: _described(pl.Series(rows.targets)) for part, rows in work.parts.items()},
        "oldest_api_capture_at": captures_of_api[0].isoformat() if len(captures_of_api) else None,
    }


#: Columns of a leaderboard that two equal runs may differ in: their names, and what the clock says.
_OWN = frozenset({"run_id", "fit_seconds", "predict_ms_per_1k", "is_pareto"})


def differing_numbers(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Where two runs of one cell came out differently, however little: `model`, `column`, `before`, `after` as text.

    Both are `results.LEADERBOARD`. A family that only one of them has differs in its `model`.
    """
    values = [
        pl.DataFrame(
            [
                {"model": row["model"], "column": column, side: None if value is None else repr(value)}
                for row in table.sort("model").iter_rows(named=True)
                for column, value in row.items()
                if column not in _OWN
            ],
            schema={"model": pl.String, "column": pl.String, side: pl.String},
        )
        for side, table in (("before", before), ("after", after))
    ]
    both = values[0].join(values[1], on=["model", "column"], how="full", coalesce=True, maintain_order="left_right")
    return both.filter(pl.col("before").ne_missing(pl.col("after")))


def git_sha() -> str | None:
    """The commit that this code is at; None outside a checkout."""
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _counted(values: pl.Series) -> dict[str, int]:
    counts = values.value_counts(name="count").sort(["count", values.name], descending=[True, False])
    return dict(counts.iter_rows())


def _described(values: pl.Series) -> dict[str, float | None]:
    return {
        "mean": values.mean(),  # type: ignore[dict-item]
        "std": values.std(),  # type: ignore[dict-item]
        "min": values.min(),  # type: ignore[dict-item]
        "median": values.median(),  # type: ignore[dict-item]
        "max": values.max(),  # type: ignore[dict-item]
    }
