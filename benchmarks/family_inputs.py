"""Reading the inputs of a family from a compacted strategy, against copying as much within memory.

160,000 fused vectors of 1,152 columns lie in parts of 16,384, as `fused_embeddings` writes them. Ours is `gather`,
which returns a new matrix. The peer is `numpy.copyto` (memcpy) between two matrices of that size that were both touched
before; the same into a new matrix, whose pages the kernel must first clear, is shown beside it. All take turns in one
process. The first reading of a process checks the SHA-256 of every shard and is shown apart.

    python benchmarks/family_inputs.py [--rows 160000] [--turns 9]
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import polars as pl

from vidrank_assets.storage import Storage

D_FUSED, ROWS_PER_SHARD = 1_152, 16_384


def main() -> None:
    """Write the shards, take turns, check the bits, print the medians and their ratio."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=160_000)
    arguments.add_argument("--turns", type=int, default=9)
    sizes = arguments.parse_args()
    matrix = np.random.default_rng(0).standard_normal((sizes.rows, D_FUSED), dtype=np.float32)
    copied = matrix.copy()
    with TemporaryDirectory() as folder:
        store = Storage(folder)
        manifest = written(store, matrix)
        parts = {
            "all rows, in order": np.arange(sizes.rows),
            "three rows of four, in order": np.flatnonzero(np.arange(sizes.rows) % 4),
            "all rows, shuffled": np.random.default_rng(1).permutation(sizes.rows),
        }

        def gathered(rows: pl.DataFrame) -> np.ndarray:
            return store.gather(rows["fused_key"], rows["shard_idx"])

        first = timed(lambda: gathered(manifest))
        print(
            f"{sizes.rows:,} vectors of {D_FUSED:,} columns, {matrix.nbytes / 2**20:,.0f} MiB, in {sizes.turns} turns"
        )
        print(f"{'first reading, SHA-256 checked':32} {1e3 * first:7.0f} ms")
        for name, rows in parts.items():
            wanted, n = manifest[rows], len(rows)
            assert np.array_equal(gathered(wanted).view(np.int32), matrix[rows].view(np.int32))
            memcpy, into_new, ours = turns(
                sizes.turns,
                partial(np.copyto, copied[:n], matrix[:n]),
                partial(np.copy, matrix[:n]),
                partial(gathered, wanted),
            )
            print(
                f"{name:32} {1e3 * ours:7.0f} ms, equal to the bit; memcpy {1e3 * memcpy:5.0f} ms: ratio "
                f"{ours / memcpy:.2f}; memcpy into a new matrix {1e3 * into_new:5.0f} ms: ratio {ours / into_new:.2f}"
            )


def written(store: Storage, matrix: np.ndarray) -> pl.DataFrame:
    """Write the shards; say of each row which shard holds it, and where."""
    parts = []
    for start in range(0, len(matrix), ROWS_PER_SHARD):
        part = matrix[start : start + ROWS_PER_SHARD]
        ids = [f"{row:011d}" for row in range(start, start + len(part))]
        key = store.write_shard("fused/concat", ids, part, {"image": 768, "text": 384})
        parts.append(pl.DataFrame({"fused_key": [key] * len(part), "shard_idx": range(len(part))}))
    return pl.concat(parts)


def turns(n: int, *acts: Callable[[], object]) -> list[float]:
    """The median seconds of each act, when they take turns."""
    seconds = [[timed(act) for act in acts] for _ in range(n)]
    return [median(column) for column in zip(*seconds, strict=True)]


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    started = perf_counter()
    act()
    return perf_counter() - started


if __name__ == "__main__":
    main()
