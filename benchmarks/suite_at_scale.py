"""The whole suite on one horizon in one process: time, memory and errors of every family, the ensemble, the ranking.

SYNTHETIC: 160,000 videos of 4,000 channels, in the order of their publication, the last 30 % val and test. Each has a
fused vector of 1,152 columns (image 768, text 384; some titles are missing), all metadata known at publication with
nulls and categories, and the channel's history as it was then. The target is the channel's level, curves of the length
and of the category, a few directions of the vectors, one product of two directions, and noise: `noise` is the rmse_log
that nothing can beat.

`fit` and `predict` are what a trial measures, wall time; `cpu` is processor time of the whole trial over all threads;
`peak` is the largest resident memory of the process during that step (Linux's VmHWM, reset before each), everything
made before it included. Ends with 1 where a step needs more than 8 GiB.

    OMP_NUM_THREADS=2 python benchmarks/suite_at_scale.py [--rows 160000] [--families ridge gbdt …]
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

import numpy as np
import polars as pl
import torch

from vidrank_assets.catalog import FAMILIES
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.pair_tables import RANKING_TARGETS, TRAINING_PAIRS
from vidrank_assets.schema import Column, Table
from vidrank_assets.selection.ensemble import ensemble_trial
from vidrank_assets.selection.evaluation import Trial, trial
from vidrank_assets.selection.leaderboard import leaderboard, printed, slice_metrics
from vidrank_assets.selection.task import Cell, OfHorizon, Task, task
from vidrank_assets.tables import HORIZON_TARGETS, METADATA_FEATURES, SPLIT_MANIFEST

Made = TypeVar("Made")

BLOCKS = {"image": 768, "text": 384}
ROWS_PER_CHANNEL, NOISE, SEED = 40, 0.6, 42
MOST_GIB = 8
SUITE = [name for name, entry in FAMILIES.entries.items() if entry.needs == "publish"]


def main() -> None:
    """Make the rows, fit and score every family, rank them, print what each step took."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=160_000)
    arguments.add_argument("--families", nargs="+", default=SUITE, choices=SUITE)
    asked = arguments.parse_args()
    print(
        f"SYNTHETIC: {asked.rows:,} rows of {sum(BLOCKS.values()):,} fused columns, noise {NOISE}; "
        f"{len(os.sched_getaffinity(0))} processors, OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}, "
        f"torch takes {torch.get_num_threads()} threads and {'a GPU' if torch.cuda.is_available() else 'no GPU'}"
    )
    print(f"{'step':18}{'fit s':>9}{'predict ms/1k':>15}{'cpu s':>9}{'peak MiB':>10}{'test rmse_log':>15}  found")
    steps = Steps()
    work = steps.run("rows", lambda: synthetic_task(asked.rows))
    trials = [steps.run(name, lambda name=name: trial(work, name, seed=SEED)) for name in asked.families]
    trials.append(steps.run("ensemble", lambda: ensemble_trial(trials, seed=SEED)))
    names = [each.name for each in trials]
    table = steps.run("leaderboard", lambda: leaderboard(trials, names, run_id="benchmark"))
    steps.run("slice_metrics", lambda: slice_metrics(trials, run_id="benchmark"))
    print(
        f"{sum(steps.seconds):,.0f} s in all, {max(steps.peaks_mib):,.0f} MiB at most, load average "
        f"{' '.join(f'{load:.1f}' for load in os.getloadavg())}"
    )
    with pl.Config(tbl_rows=-1, tbl_width_chars=120, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
        print(printed(table).select("model", "is", "test_spearman", "^over .*$"))
    sys.exit(max(steps.peaks_mib) > MOST_GIB * 1024)


@dataclass
class Steps:
    """What each step took, printed as it ends."""

    seconds: list[float] = field(default_factory=list)
    peaks_mib: list[float] = field(default_factory=list)

    def run(self, name: str, act: Callable[[], Made]) -> Made:
        """What `act` returns."""
        Path("/proc/self/clear_refs").write_text("5")
        started, processor = perf_counter(), process_time()
        made = act()
        self.seconds.append(perf_counter() - started)
        self.peaks_mib.append(peak_mib())
        fit, predict, rmse, found = f"{self.seconds[-1]:.1f}", "", "", ""
        if isinstance(made, Trial):
            test = made.predictions.filter(split="test")
            fit, predict = f"{made.fit_seconds:.1f}", f"{made.predict_ms_per_1k:.2f}"
            rmse = f"{((test['y_true'] - test['y_pred']) ** 2).mean() ** 0.5:.4f}"
            found = ", ".join(f"{fact} {value}" for fact, value in made.findings.facts.items())
        cpu, peak = f"{process_time() - processor:.1f}", f"{self.peaks_mib[-1]:,.0f}"
        print(f"{name:18}{fit:>9}{predict:>15}{cpu:>9}{peak:>10}{rmse:>15}  {found}", flush=True)
        return made


def peak_mib() -> float:
    """The most memory that was resident since the last reset."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def synthetic_task(n_rows: int) -> Task:
    """The rows as the assets hand them over, joined as they join them."""
    rng = np.random.default_rng(SEED)
    fused = drawn_vectors(n_rows, rng)
    metadata = pl.DataFrame([drawn_column(column, n_rows, rng) for column in METADATA_FEATURES.columns[1:]])
    videos = drawn_videos(fused, metadata, rng)
    features = with_history(metadata, videos)
    pairs = drawn_pairs(videos)
    later = features_of_later_sides(pairs, features)
    tables = OfHorizon(
        metadata_features=features,
        horizon_targets=filled(HORIZON_TARGETS, videos),
        split_manifest=filled(SPLIT_MANIFEST, videos),
        training_pairs=filled(TRAINING_PAIRS, pairs),
        paired_features=pl.concat([filled(TRAINING_PAIRS, pairs), later], how="horizontal"),
        ranking_targets=filled(RANKING_TARGETS, videos),
    )
    return task(Cell("concat", 7, data_source="synthetic"), tables, fused)


def drawn_vectors(n_rows: int, rng: np.random.Generator) -> Vectors:
    """Directions of unit length whose columns differ in spread; each tenth title is absent."""
    matrix = rng.standard_normal((n_rows, sum(BLOCKS.values())), dtype=np.float32)
    fused = Vectors(tuple(f"v{row:07d}" for row in range(n_rows)), matrix, BLOCKS)
    for name, width in BLOCKS.items():
        block = fused.block(name)  # a view
        block *= np.geomspace(1, 0.1, width, dtype=np.float32)
        block /= np.sqrt(np.einsum("ij,ij->i", block, block))[:, np.newaxis]
    fused.block("text")[rng.random(n_rows) < 0.1] = 0
    return fused


def drawn_videos(fused: Vectors, metadata: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """video_id, channel_id, split, target_log, and what else the tables must have of each video."""
    n_rows = len(fused.video_ids)
    channel = rng.integers(max(n_rows // ROWS_PER_CHANNEL, 2), size=n_rows)
    level = 8 + 1.5 * rng.standard_normal(channel.max() + 1)
    image, other_image, text = (
        standard(fused.block(name) @ rng.standard_normal(BLOCKS[name], dtype=np.float32))
        for name in ("image", "image", "text")
    )
    length = 2 * pl.col("duration_sec").fill_null(0).log1p()
    category = pl.col("category_id").fill_null("level0").str.strip_prefix("level").cast(pl.Float64)
    shown = metadata.select(0.3 * length.sin() + 0.3 * category.sin()).to_series().to_numpy()
    seen = 0.4 * image + 0.4 * text + 0.3 * image * other_image
    target_log = np.maximum(level[channel] + shown + seen + NOISE * rng.standard_normal(n_rows), 0)
    part = np.array(["train", "val", "test"])[np.searchsorted([0.7, 0.85], np.arange(n_rows) / n_rows, side="right")]
    return pl.DataFrame(
        {
            "video_id": fused.video_ids,
            "channel_id": [f"c{each:05d}" for each in channel],
            "split": part,
            "text_present": fused.block("text").any(axis=1).astype(np.int64),
            "target_log": target_log,
            "target_raw": np.expm1(target_log),
            "horizon_label_type": rng.choice(["observed", "interpolated"], n_rows),
            "video_age_hours_at_snapshot1": rng.exponential(30, n_rows),
        }
    )


def standard(column: np.ndarray) -> np.ndarray:
    """Mean 0, variance 1."""
    return (column - column.mean()) / column.std()


def with_history(metadata: pl.DataFrame, videos: pl.DataFrame) -> pl.DataFrame:
    """`METADATA_FEATURES`: the true history of each channel among noise of the declared types and units."""
    earlier = pl.col("target_log").shift().over("channel_id")
    count = pl.int_range(pl.len()).over("channel_id")
    total = pl.col("target_log").cum_sum().shift().over("channel_id").fill_null(0.0)
    history = videos.select(
        "video_id",
        channel_target_count=count,
        channel_target_latest=earlier,
        channel_target_median=pl.when(count > 0).then(total / count),  # their mean, which is quicker and as good here
        channel_target_mean=(total + 8) / (count + 1),
    )
    return filled(METADATA_FEATURES, metadata.with_columns(history))


def drawn_column(column: Column, n_rows: int, rng: np.random.Generator) -> pl.Series:
    """Values of the column's type and about its size; 1 in 20 is null where it may be."""
    if column.dtype == pl.String:
        values = np.char.add("level", rng.zipf(1.6, n_rows).clip(max=200).astype(str))
    elif column.dtype == pl.Boolean:
        values = rng.random(n_rows) < 0.3
    elif column.dtype == pl.Int64:
        largest = {"hour UTC": 23, "weekday": 7, "step": 6}.get(column.unit)
        values = (
            rng.lognormal(5, 2, n_rows).astype(np.int64) if largest is None else rng.integers(largest + 1, size=n_rows)
        )
    else:
        values = rng.lognormal(0, 1, n_rows)
    drawn = pl.Series(column.name, values, dtype=column.dtype)
    return drawn.set(pl.Series(rng.random(n_rows) < 0.05), None) if column.nullable else drawn


def drawn_pairs(videos: pl.DataFrame) -> pl.DataFrame:
    """Each video of val and test with the next one of its channel in the same part."""
    scored = videos.filter(pl.col("split") != "train")
    following = pl.col("video_id").shift(-1).over("channel_id", "split")
    pairs = scored.select("channel_id", "split", video_id_a="video_id", video_id_b=following)
    return pairs.drop_nulls()


def features_of_later_sides(pairs: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    """The later videos, each with its channel's history at the publication of the earlier one."""
    history = [name for name in features.columns if name.startswith("channel_")]
    known = features.select("video_id", *history)
    rows = pairs.select("video_id_a", video_id="video_id_b")
    rows = rows.join(features.drop(history), on="video_id", maintain_order="left")
    rows = rows.join(known, left_on="video_id_a", right_on="video_id", maintain_order="left")
    return rows.select(METADATA_FEATURES.schema.names())


def filled(table: Table, columns: pl.DataFrame) -> pl.DataFrame:
    """The declared columns; those that are not among `columns` are null."""
    there = set(columns.columns)
    return columns.select(
        (pl.col(name) if name in there else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in table.schema.items()
    )


if __name__ == "__main__":
    main()
