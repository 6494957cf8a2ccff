"""`kill -9` while assets write: what was there stays whole, and after a rerun it is as if nothing had happened.

Each step of a small graph is started again and again and killed while it writes, then left to end. A moment is a touch
of a staged file, drawn at random from all of the run (to sum it, to flush it, to rename it), and a random time after
it: so it falls into those, into the recording in Dagster's log, or into the making of the next file. After every kill
everything that can be read is checked. At the end the store is compared with one in which nothing was killed.

Runs of labels and splits that are killed have other settings than the one that ends, so that what they leave differs
from what was recorded before. Days are captured again too, over partitions that are there.
"""

import random
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import polars as pl
import psutil
import pytest

from vidrank_assets.assets.partitions import folder_of
from vidrank_assets.definitions import definitions
from vidrank_assets.errors import ChecksumMismatch
from vidrank_assets.storage import Storage
from vidrank_assets.tables import EMBEDDING_MANIFEST, FUSED_MANIFEST, TABLES
from vidrank_assets_tests.graph.conftest import Home, timeless
from vidrank_assets_tests.graph.fork_server import ENDED, KILLED, Server

DECLARED = TABLES | {"fused_embeddings": FUSED_MANIFEST}
CELL = dg.MultiPartitionKey({"strategy": "concat", "horizon": "7d"})


class Step(NamedTuple):
    """A run. variants: settings of the runs that are killed; the one that ends has its own."""

    job: str
    ops: dict[str, Any]
    partitions: list[str]
    only: tuple[tuple[str, ...], ...] = ()
    variants: tuple[dict[str, Any], ...] = ({},)

    def order(self, variant: dict[str, Any]) -> dict[str, Any]:
        ends = ("start", self.partitions[0]), ("end", self.partitions[-1])
        ranged = self.job == "capture_day"
        return {
            "job": self.job,
            "ops": self.ops | variant,
            "tags": {f"dagster/asset_partition_range_{end}": day for end, day in ends} if ranged else {},
            "partition": None if ranged else self.partitions[0],
            "only": self.only,
        }


def captured(first: int, last: int) -> Step:
    config = {"config": {"source": "sample", "options": {"n_channels": "50"}}}
    ops = dict.fromkeys(("captured_videos", "channel_snapshots", "thumbnails"), config)
    return Step("capture_day", ops, [f"2026-01-{day:02d}" for day in range(first, last + 1)])


def settings(seed: int, as_of: str | None = None) -> dict[str, Any]:
    """Of the labels and the split; a world so small has videos enough when all are dealt by lot."""
    split = {"inclusion": "all", "policy": "random", "seed": seed}
    return {"horizon_targets": {"config": {"as_of": as_of}}, "split_manifest": {"config": split}}


STEPS = {
    "first days": captured(12, 13),
    "more days": captured(13, 14),
    "labels": Step(
        "refresh_targets",
        settings(0),
        ["7d"],
        variants=tuple(settings(seed, "2026-01-14T18:00:00+00:00") for seed in (1, 2, 3)),
    ),
    "fusion": Step("fuse", {}, ["concat"]),
    "models": Step("train_suite", {}, [CELL], only=(("models", "channel_mean"), ("models", "train_mean"))),
}


def server_of(home: Home) -> Server:
    return Server("step_server", home.environment, cwd=home.folder)


def finished(server: Server, step: Step) -> int:
    """Let the step end, and count how often it touched a staged file."""
    _, told = server.started(step.order({}))
    *touches, last = told
    assert last == f"ended {ENDED}"
    return len(touches)


def killed_at(server: Server, order: Mapping[str, Any], touch: int, *, delay: float) -> int:
    """Kill the step so many seconds after a touch; 0, or how many touches it had when it ended before that."""
    process, told = server.started(order)
    for n_lines, line in enumerate(told, 1):
        if n_lines == touch and line == "file":
            time.sleep(delay)
            with suppress(psutil.NoSuchProcess):
                process.kill()
    assert line in (f"ended {KILLED}", f"ended {ENDED}")
    assert n_lines > 1, "the step published nothing"
    return 0 if line == f"ended {KILLED}" else n_lines - 1


class Recorded(NamedTuple):
    """The latest materialization of one partition, as Dagster's log has it."""

    asset: dg.AssetKey
    partition: str
    key: str
    sha256: str


class Ledger:
    """The store of a home beside what Dagster's log says of it."""

    def __init__(self, store: Storage, instance: dg.DagsterInstance, loader: dg.AssetValueLoader) -> None:
        self.store, self._instance, self._loader = store, instance, loader
        nodes = definitions().resolve_asset_graph().asset_nodes
        self._partitions = {node.key: node.partitions_def for node in nodes if node.key.path[0] != "embeddings"}

    def recorded(self) -> list[Recorded]:
        latest: dict[tuple[dg.AssetKey, str], Recorded] = {}
        known = set(self._instance.all_asset_keys())
        for asset, partitions in self._partitions.items():
            if asset not in known:
                continue
            for record in self._instance.fetch_materializations(asset, limit=2000).records:
                metadata = record.asset_materialization.metadata
                key = f"{'/'.join(asset.path)}/{folder_of(partitions, record.partition_key)}/data.parquet"
                if "artifact" in metadata:
                    key = f"{metadata['artifact'].value}/checksums.json"
                made = Recorded(asset, record.partition_key, key, metadata["sha256"].value)
                latest.setdefault((asset, record.partition_key), made)
        return list(latest.values())

    def is_sound(self, made: Recorded) -> bool:
        try:
            self.store.read(made.key, sha256=made.sha256)
        except ChecksumMismatch:
            return False
        return True

    def load(self, made: Recorded) -> pl.DataFrame:
        """The partition as a step would be given it, by its IO manager."""
        return self._loader.load_asset_value(made.asset, python_type=pl.DataFrame, partition_key=made.partition)

    def n_unrecorded_files(self, recorded: list[Recorded]) -> int:
        files = {key for key in self.store.keys("", suffix="/data.parquet")}
        return len(files - {made.key for made in recorded})

    def staged(self) -> set[str]:
        """Files that were being written when the writer died."""
        return {str(file) for file in Path(str(self.store.root)).rglob("*.partial")}


def check_whole(ledger: Ledger, step: Step, lots: random.Random) -> int:
    """All that is stored can be read and is whole; returns how many partitions are not the ones recorded last."""
    for key in ledger.store.keys("", suffix=".parquet"):
        table = ledger.store.read_table(key)
        assert key.startswith("models") or table.schema == DECLARED[key.split("/")[0]].schema, key
    assert_vectors_are_listed_once(ledger.store)
    recorded = ledger.recorded()
    replaced = [made for made in recorded if not ledger.is_sound(made)]
    for made in replaced:
        assert made.partition in step.partitions, "only what the killed run was writing may differ from its record"
        with pytest.raises(dg.Failure, match=r"must hold the bytes that were recorded.*materialize it again"):
            ledger.load(made)
    sound = [made for made in recorded if made not in replaced and made.key.endswith("data.parquet")]
    for made in lots.sample(sound, min(1, len(sound))):
        assert ledger.load(made).equals(ledger.store.read_table(made.key))
    return len(replaced) + ledger.n_unrecorded_files(recorded)


def assert_vectors_are_listed_once(store: Storage) -> None:
    """Every row of the manifest is there once, and its vector lies in a shard that is what its name says."""
    parts = [store.read_table(part) for part in store.keys("embedding_manifest", suffix=".parquet")]
    listed = pl.concat([EMBEDDING_MANIFEST.empty(), *parts])
    assert not listed.select(EMBEDDING_MANIFEST.key).is_duplicated().any()
    for (key,), rows in listed.group_by("shard_key"):
        ids = store.read_shard(str(key)).video_ids  # compares the bytes with the name
        assert [ids[place] for place in rows["shard_idx"]] == rows["video_id"].to_list()


def assert_same(killed: Storage, spared: Storage) -> None:
    """Both hold the same files and tables, to the last shard; of models, the same number of finished artifacts."""
    keys, expected = ([key for key in store.keys("") if not key.startswith("models")] for store in (killed, spared))
    assert keys == expected
    for key in keys:
        if key.endswith(".parquet"):
            assert timeless(killed.read_table(key)).equals(timeless(spared.read_table(key))), key


def check_kills(folder: Path, moments: dict[str, int], monkeypatch, *, seed: int) -> Counter[str]:
    """Kill every step so many times, then let it end; returns at which kind of moment the kills came."""
    spared, killed, lots = Home(folder / "spared"), Home(folder / "killed"), random.Random(seed)
    steps = {name: STEPS[name] for name in STEPS if name in moments}
    with server_of(spared) as server:
        n_touches = {name: finished(server, step) for name, step in steps.items()}
    monkeypatch.setenv("VIDRANK_STORAGE", str(killed.store.root))
    came: Counter[str] = Counter()
    with (
        server_of(killed) as server,
        dg.DagsterInstance.from_config(str(killed.folder)) as instance,
        definitions().get_asset_value_loader(instance) as loader,
    ):
        ledger = Ledger(killed.store, instance, loader)
        for name, step in steps.items():
            n_left = n_touches[name]
            for _ in range(moments[name]):
                moment, n_left = one_kill(server, ledger, step, n_left, lots)
                came[moment] += 1
            finished(server, step)
            assert check_whole(ledger, step, lots) == 0, name
    assert_same(killed.store, spared.store)
    return came


def one_kill(server: Server, ledger: Ledger, step: Step, n_touches: int, lots: random.Random) -> tuple[str, int]:
    """Kill the step once while it writes, check what it leaves; what it was doing, and how many touches it may have."""
    there, staged = set(ledger.store.keys("")), ledger.staged()
    order = step.order(lots.choice(step.variants))
    # A run that ends before its moment, because vectors that are there are not made again, was not killed.
    while n_fewer := killed_at(server, order, lots.randint(1, n_touches), delay=0.03 * lots.random() ** 3):
        n_touches = n_fewer
    assert there <= set(ledger.store.keys(""))
    n_unrecorded = check_whole(ledger, step, lots)
    if ledger.staged() - staged:
        return "writing a file", n_touches
    return "file written, not yet recorded" if n_unrecorded else "between two writes", n_touches


def test_a_few_kills_while_assets_write_lose_tear_and_double_nothing(tmp_path, monkeypatch):
    came = check_kills(tmp_path, {"first days": 3}, monkeypatch, seed=1)
    assert came.total() == 3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_kills_while_assets_write_lose_tear_and_double_nothing(tmp_path, monkeypatch):
    moments = {"first days": 8, "more days": 4, "labels": 14, "fusion": 10, "models": 14}
    came = check_kills(tmp_path, moments, monkeypatch, seed=2)
    print(came)
    assert came.total() == 50
    # So that it is known to look where it hurts.
    assert came["writing a file"] + came["file written, not yet recorded"] >= 10, came
