"""Every candidate pair of 200,000 videos of 1,500 channels: ours beside DuckDB, with the same set; and sampled pairs.

    python benchmarks/candidate_pairs.py [--videos 200000] [--channels 1500] [--days 174] [--turns 7]

The peer is the fastest of the queries below, on a table of its own that is already in memory, with as many threads as
Polars has here (POLARS_MAX_THREADS), read in Arrow batches of row numbers. All take turns in one process, from the
table of videos with its names and times to the last batch of pairs, which are counted and dropped.

The memory is that of `training_pairs` in a process that has read the videos: the peak of the resident memory
(VmHWM, set back before) over what was resident before. The allocators are told to give pages back at once, so that
nothing freed earlier is used again unseen.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import duckdb
import numpy as np
import polars as pl

from vidrank_assets.dataset.pairs import candidate_pairs, training_pairs

MONTH, A_DAY = 30 * 86_400_000_000, 86_400_000_000
ORDER = "(b.t > a.t OR b.video_id > a.video_id)"
QUERIES = {
    "range join": """
        SELECT a.row AS a, b.row AS b FROM videos a JOIN videos b
        ON a.channel_id = b.channel_id AND a.split = b.split AND a.target_raw <> b.target_raw
        AND b.published_at BETWEEN a.published_at AND a.published_at + INTERVAL 30 DAY
        AND (b.published_at > a.published_at OR b.video_id > a.video_id)""",
    "range join of numbers": f"""
        WITH v AS MATERIALIZED (
            SELECT row, video_id, target_raw, epoch_us(published_at) AS t,
            dense_rank() OVER (ORDER BY channel_id, split) AS g FROM videos)
        SELECT a.row AS a, b.row AS b FROM v a JOIN v b
        ON a.g = b.g AND b.t BETWEEN a.t AND a.t + {MONTH} AND a.target_raw <> b.target_raw AND {ORDER}""",
    "range join by months": f"""
        WITH v AS (SELECT *, epoch_us(published_at) AS t, epoch_us(published_at) // {MONTH} AS month FROM videos),
        w AS (SELECT *, month AS next FROM v UNION ALL SELECT *, month - 1 AS next FROM v)
        SELECT a.row AS a, b.row AS b FROM v a JOIN w b
        ON a.channel_id = b.channel_id AND a.split = b.split AND a.month = b.next
        AND b.t BETWEEN a.t AND a.t + {MONTH} AND a.target_raw <> b.target_raw AND {ORDER}""",
    "window, numbered": """
        WITH v AS MATERIALIZED (
            SELECT row, target_raw, row_number() OVER (ORDER BY channel_id, split, published_at, video_id) AS n,
            count(*) OVER (PARTITION BY channel_id, split ORDER BY published_at
                           RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 30 DAY FOLLOWING)
            - row_number() OVER (PARTITION BY channel_id, split ORDER BY published_at, video_id) AS later FROM videos),
        s AS (SELECT row, target_raw, unnest(range(n + 1, n + 1 + later)) AS m FROM v)
        SELECT s.row AS a, v.row AS b FROM s JOIN v ON v.n = s.m WHERE v.target_raw <> s.target_raw""",
}


def main() -> None:
    """Compare the sets, take turns, print the medians, their ratio and the memory of the sampled pairs."""
    arguments = parsed()
    if arguments.memory:
        return print(json.dumps(sampled(Path(arguments.memory))))
    videos = world(arguments.videos, arguments.channels, arguments.days)
    peer = duckdb.connect(config={"threads": pl.thread_pool_size()})
    peer.register("given", videos.to_arrow())
    peer.execute("CREATE TABLE videos AS SELECT * FROM given")
    ours = numbered(listed(videos), arguments.videos)
    for name, query in QUERIES.items():
        assert np.array_equal(ours, numbered(answered(peer, query), arguments.videos)), name
    print(
        f"{arguments.videos:,} videos of {arguments.channels:,} channels: {len(ours):,} candidate pairs, the same set "
        f"each time; {pl.thread_pool_size()} threads, {arguments.turns} turns"
    )
    acts = [partial(counted, peer, query) for query in QUERIES.values()]
    seconds, *of_peers = turns(arguments.turns, lambda: sum(len(a) for a, _ in candidate_pairs(videos)), *acts)
    for name, of_peer in zip(QUERIES, of_peers, strict=True):
        print(f"  DuckDB, {name:24} {1e3 * of_peer:7.0f} ms, {of_peer / seconds:5.1f} times ours")
    print(f"  ours    {'':24} {1e3 * seconds:7.0f} ms; ratio to the fastest {min(of_peers) / seconds:.1f}")
    print(memory(videos))
    return None


def parsed() -> argparse.Namespace:
    """The command line; `--memory` is for the process that `memory` starts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=200_000)
    parser.add_argument("--channels", type=int, default=1_500)
    parser.add_argument("--days", type=int, default=174)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    return parser.parse_args()


def world(n_videos: int, n_channels: int, n_days: int) -> pl.DataFrame:
    """Videos of random channels and moments in no order, the newest 15 % in test and those before in val."""
    random = np.random.default_rng(42)
    age = (random.uniform(0, n_days, n_videos) * A_DAY).astype(np.int64)
    part = np.searchsorted(np.quantile(age, [0.7, 0.85]), age)
    return pl.DataFrame(
        {
            "row": np.arange(n_videos),
            "video_id": [f"{i * 2_654_435_761 % 2**44:011x}" for i in range(n_videos)],
            "channel_id": [f"UC{i:022d}" for i in random.integers(0, n_channels, n_videos)],
            "published_at": pl.Series(np.datetime64("2026-01-01", "us") + age).dt.replace_time_zone("UTC"),
            "target_raw": np.exp(random.normal(9, 2, n_videos)).round(),
            "split": np.array(["train", "val", "test"])[part],
        }
    )


def listed(videos: pl.DataFrame) -> np.ndarray:
    """All our pairs: (n_pairs, 2)."""
    return np.concatenate([np.stack(batch, axis=1) for batch in candidate_pairs(videos)])


def answered(peer: duckdb.DuckDBPyConnection, query: str) -> np.ndarray:
    """All pairs of a query: (n_pairs, 2)."""
    return pl.from_arrow(peer.sql(query).to_arrow_table()).to_numpy()


def numbered(pairs: np.ndarray, n_videos: int) -> np.ndarray:
    """One number a pair, sorted."""
    return np.sort(pairs[:, 0] * n_videos + pairs[:, 1])


def counted(peer: duckdb.DuckDBPyConnection, query: str) -> int:
    """The pairs of a query, read batch by batch."""
    return sum(batch.num_rows for batch in peer.sql(query).to_arrow_reader(1_000_000))


def turns(n: int, *acts: Callable[[], object]) -> list[float]:
    """The median seconds of each act, when they take turns."""
    seconds = [[timed(act) for act in acts] for _ in range(n)]
    return [median(column) for column in zip(*seconds, strict=True)]


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    started = perf_counter()
    act()
    return perf_counter() - started


def memory(videos: pl.DataFrame) -> str:
    """What the sampled pairs take, in a process of their own."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "videos.parquet")
        videos.drop("row").write_parquet(file)
        command = [sys.executable, __file__, "--memory", str(file)]
        freed = {"_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0", "MALLOC_MMAP_THRESHOLD_": "131072"}
        told = subprocess.run(command, check=True, capture_output=True, env=os.environ | freed).stdout
    answer = json.loads(told)
    return (
        f"  training_pairs, {answer['pairs']:,} sampled pairs in {1e3 * answer['seconds']:.0f} ms: at most "
        f"{answer['peak_mib']:.0f} MiB beside the videos, of which the pairs themselves are {answer['kept_mib']:.0f}"
    )


def sampled(file: Path) -> dict[str, float]:
    """Sample pairs once, and say how much memory was used besides."""
    videos = pl.read_parquet(file)
    training_pairs(videos.head(2_000))  # what a first call loads is not of the pairs
    ctypes.CDLL(None).malloc_trim(0)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    started = perf_counter()
    pairs = training_pairs(videos, pairs_per_video=4, pairs_per_channel=150)
    seconds = perf_counter() - started
    kept = pairs.estimated_size("mb")
    return {"pairs": pairs.height, "seconds": seconds, "peak_mib": status("VmHWM") - before, "kept_mib": kept}


def status(name: str) -> float:
    """A figure of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


if __name__ == "__main__":
    main()
