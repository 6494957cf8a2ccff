"""Reading vectors in shuffled order: one opening a shard, against one opening a row.

200,000 vectors of 1,152 columns lie in 200 shards of a store. Ours gathers all of them; the first time in a process it
checks the SHA-256 of every shard. The peer is the loop that opens the shard of each row with `numpy.load`, measured on
a part of the rows and compared by time a row.

    python benchmarks/vector_gather.py [--rows 200000] [--part 300]
"""

import argparse
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from vidrank_assets.storage import Storage

D_FUSED, N_SHARDS, REPEATS = 1_152, 200, 4


def main() -> None:
    """Measure both in this process, check that they agree, print the ratio."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=200_000)
    arguments.add_argument("--part", type=int, default=300)
    sizes = arguments.parse_args()
    rng = np.random.default_rng(0)
    per_shard = sizes.rows // N_SHARDS
    with TemporaryDirectory() as folder:
        store = Storage(folder)
        shards = []
        for number in range(N_SHARDS):
            matrix = rng.standard_normal((per_shard, D_FUSED), dtype=np.float32)
            ids = [f"{number}-{row}" for row in range(per_shard)]
            shards.append(store.write_shard("fused", ids, matrix, {"image": 768, "text": 384}))
        order = rng.permutation(per_shard * N_SHARDS)
        keys, rows = [shards[place // per_shard] for place in order], (order % per_shard).tolist()

        ours, loops = [], []
        for _ in range(REPEATS):
            started = perf_counter()
            gathered = store.gather(keys, rows)
            ours.append((perf_counter() - started) / len(order))
            started = perf_counter()
            looped = np.stack([_opened(store, keys[i])[rows[i]] for i in range(sizes.part)])
            loops.append((perf_counter() - started) / sizes.part)
            np.testing.assert_array_equal(gathered[: sizes.part], looped)

    first, again, loop = ours[0], median(ours[1:]), median(loops)
    print(f"{len(order):,} vectors of {D_FUSED:,} columns in {N_SHARDS} shards, shuffled; medians of {REPEATS} rounds")
    print(f"one opening a row:        {1e6 * loop:10.2f} µs a row, measured on {sizes.part} rows")
    for name, each in {"gather, SHA-256 checked:": first, "gather again:": again}.items():
        print(
            f"{name:25} {1e6 * each:10.2f} µs a row, {each * len(order):.2f} s in all: {loop / each:,.0f} times as fast"
        )
    print("equal to the bit")


def _opened(store: Storage, key: str) -> np.ndarray:
    with np.load(store.uri(key)) as arrays:
        vectors: np.ndarray = arrays["vectors"]
        return vectors


if __name__ == "__main__":
    main()
