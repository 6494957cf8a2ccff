"""Horizon targets of 5 M captures: ours beside `pandas.merge_asof`, with the same answer.

    python benchmarks/horizon_targets.py [--captures N] [--rounds N]

Both read the same daily Parquet files and make every column of the table that is computed: label, deltas of this and
the required horizons, monotone violations. `views only` is the least a peer could do: the label of the views alone,
which ours is then compared with although it makes the whole table. Each run is a process of its own, in turns, so that
the peak of the resident memory is that run's alone; its imports are not timed.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from vidrank_assets.dataset.targets import horizon_targets, label_coverage
from vidrank_assets.horizons import HORIZONS

DAYS = 28
CAPTURES_A_VIDEO = 25  # some days are missed
HORIZON = HORIZONS["7d"]
COUNTERS = ["view_count", "like_count", "comment_count"]
HOUR = pd.Timedelta(hours=1)


def main() -> None:
    """Write the captures, take turns, compare the answers, print the medians."""
    arguments = parsed()
    if arguments.run:
        return run(arguments.run, Path(arguments.folder))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_videos = arguments.captures // CAPTURES_A_VIDEO
        n_captures = write_captures(folder, n_videos=n_videos)
        print(f"{n_captures:,} captures of {n_videos:,} videos in {DAYS} daily files, horizon 7d")
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "pandas": [], "views only": []}
        for _ in range(arguments.rounds):
            for who, results in runs.items():
                results.append(in_a_process(who, folder))
        for who, results in runs.items():
            seconds = statistics.median(result["seconds"] for result in results)
            ratio = seconds / statistics.median(result["seconds"] for result in runs["ours"])
            peak = max(result["peak_mib"] for result in results)
            print(f"{who:>10}: {seconds:6.2f} s, {ratio:5.2f} times ours, peak {peak:,.0f} MiB")
        print(same_answer(folder))
    return None


def parsed() -> argparse.Namespace:
    """The command line; `--run` and `--folder` are for the processes that `in_a_process` starts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--captures", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def write_captures(folder: Path, *, n_videos: int) -> int:
    """One file a day: captures of each video about daily, in no order, with gaps, falls and hidden likes."""
    random = np.random.default_rng(42)
    published = np.datetime64("2025-06-01", "us") + random.integers(0, 20 * 86_400_000_000, n_videos)
    reach = random.normal(9, 2, n_videos)
    video_ids = np.array([f"{i * 2_654_435_761 % 2**44:011x}" for i in range(n_videos)])
    channel_ids = np.array([f"UC{i:022d}" for i in random.integers(0, 1_500, n_videos)])
    seconds = random.integers(20, 1_000, n_videos)
    n_captures = 0
    for day in range(DAYS):
        age = ((day + random.uniform(0.0, 1.0, n_videos)) * 86_400_000_000).astype(np.int64) + 1
        views = np.exp(reach + 0.5 * np.log(age / 86_400_000_000 + 0.1) + random.normal(0, 0.02, n_videos))
        captures = pl.DataFrame(
            {
                "video_id": video_ids,
                "captured_at": published + age,
                "view_count": views.astype(np.int64),
                "like_count": (views / 20).astype(np.int64),
                "comment_count": (views / 200).astype(np.int64),
                "title": "a title that is never read",
                "category_id": "22",
                "published_at": published,
                "channel_id": channel_ids,
                "duration_sec": seconds,
                "source": "synthetic",
            }
        ).with_columns(
            pl.col("captured_at", "published_at").dt.replace_time_zone("UTC"),
            like_count=pl.when(pl.Series(seconds % 50 > 0)).then("like_count"),
        )
        seen = captures.filter(pl.Series(random.random(n_videos) < (1 if day == 0 else 0.9)))
        seen.sample(fraction=1, shuffle=True, seed=day).write_parquet(folder / f"{day:02d}.parquet")
        n_captures += seen.height
    return n_captures


def in_a_process(who: str, folder: Path) -> dict[str, float]:
    """Seconds and peak memory of one run."""
    command = [sys.executable, __file__, "--run", who, "--folder", str(folder)]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer


def run(who: str, folder: Path) -> None:
    """Make the table once, and print what it took."""
    start = time.perf_counter()
    table = {"ours": ours, "pandas": peer, "views only": views_only}[who](folder)
    seconds = time.perf_counter() - start
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib, "rows": len(table)}))


def ours(folder: Path) -> pl.DataFrame:
    """The table of the project."""
    return horizon_targets(pl.scan_parquet(folder / "*.parquet"), HORIZON)


def peer(folder: Path) -> pd.DataFrame:
    """The same by pandas."""
    captures = read(folder, COUNTERS, ["channel_id", "category_id", "source", "duration_sec"])
    firsts = captures.drop_duplicates("video_id")
    table = label(captures, firsts, firsts["published_at"] + HORIZON.age, COUNTERS)
    table["monotone_violation"] = table["video_id"].map(falls(captures))
    first = firsts.set_index("video_id")
    base = first.loc[table["video_id"]].reset_index()
    known = []
    for horizon in (HORIZON, *(each for each in HORIZONS.values() if each.required)):
        grown = label(captures, firsts, firsts["captured_at"] + horizon.age, COUNTERS)
        deltas = grown[COUNTERS] - base[COUNTERS]
        if horizon is HORIZON:
            table[[f"delta_{counter}" for counter in COUNTERS]] = deltas
        else:
            known.append(deltas["view_count"] >= 0)
    table["in_delta_task"] = np.logical_and.reduce(known)
    return table


def views_only(folder: Path) -> pd.DataFrame:
    """The label of the views, and nothing else of the table, by pandas."""
    captures = read(folder, ["view_count"], [])
    firsts = captures.drop_duplicates("video_id")
    return label(captures, firsts, firsts["published_at"] + HORIZON.age, ["view_count"])


def read(folder: Path, counters: list[str], others: list[str]) -> pd.DataFrame:
    """Captures in the order of time, as merge_asof needs them."""
    columns = ["video_id", "captured_at", "published_at", *counters, *others]
    return pd.read_parquet(folder, columns=columns).sort_values("captured_at", ignore_index=True)


def falls(captures: pd.DataFrame) -> pd.Series:
    """Whether a counter of the video is once below its previous reading."""
    fell = captures.groupby("video_id", sort=False)[COUNTERS].diff().lt(0).any(axis=1)
    return fell.groupby(captures["video_id"], sort=False).any()


def label(captures: pd.DataFrame, firsts: pd.DataFrame, moments: pd.Series, counters: list[str]) -> pd.DataFrame:
    """Counters at each video's moment, by two as-of joins; one row a video, sorted by video_id."""
    asked = firsts[["video_id", "published_at"]].assign(moment=moments).sort_values("moment")
    beside = asked
    for side, direction, exact in (("left", "backward", True), ("right", "forward", False)):
        readings = captures[["video_id", "captured_at", *counters]].rename(columns=lambda c, s=side: f"{s}_{c}")
        beside = pd.merge_asof(
            beside,
            readings,
            left_on="moment",
            right_on=f"{side}_captured_at",
            left_by="video_id",
            right_by=f"{side}_video_id",
            direction=direction,
            allow_exact_matches=exact,
        )
    before = beside["moment"] - beside["left_captured_at"]
    after = beside["right_captured_at"] - beside["moment"]
    is_left = after.isna() | (before <= after)
    observed = before.where(is_left, after) <= HORIZON.tolerance
    interpolated = ~observed & (before + after <= HORIZON.bracket)
    ages = {
        at: np.log((beside[at] - beside["published_at"]) / HOUR) for at in ("left_captured_at", "right_captured_at")
    }
    now = np.log((beside["moment"] - beside["published_at"]) / HOUR)
    share = (now - ages["left_captured_at"]) / (ages["right_captured_at"] - ages["left_captured_at"])
    table = beside[["video_id"]].assign(
        label_type=np.select([observed, interpolated], ["observed", "interpolated"], "missing")
    )
    for counter in counters:
        left, right = beside[f"left_{counter}"], beside[f"right_{counter}"]
        between = np.expm1(np.log1p(left) + share * (np.log1p(right) - np.log1p(left))).round()
        table[counter] = left.where(is_left, right).where(observed, between.where(interpolated))
    return table.sort_values("video_id", ignore_index=True)


def same_answer(folder: Path) -> str:
    """A sentence; an AssertionError where the two tables differ."""
    table, other = ours(folder), pl.from_pandas(peer(folder))
    assert table["video_id"].equals(other["video_id"])
    assert table["horizon_label_type"].equals(other["label_type"])
    assert table["monotone_violation"].equals(other["monotone_violation"])
    assert table["in_delta_task"].equals(other["in_delta_task"])
    for counter in COUNTERS:
        for mine, theirs in ((f"horizon_{counter}", counter), (f"delta_{counter}", f"delta_{counter}")):
            assert table[mine].equals(other[theirs].cast(pl.Int64), check_names=False), mine
    coverage = label_coverage(table)
    return (
        f"same label types, counts, deltas, violations and delta task; {coverage['labels_observed']:,} observed, "
        f"{coverage['labels_interpolated']:,} interpolated, {coverage['labels_missing']:,} missing"
    )


if __name__ == "__main__":
    main()
