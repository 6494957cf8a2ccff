import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrank_assets.errors import AlreadyStored, ArtifactMissing, ChecksumMismatch
from vidrank_assets.storage import Storage

FRAME = pl.DataFrame({"video_id": ["a", "b"], "target_log": [1.5, None]})
MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)


def shard(store, ids="wxyz", matrix=MATRIX):
    return store.write_shard("embeddings/text", list(ids), matrix, {"text": matrix.shape[1]})


def test_a_table_reads_back_equal_whole_and_lazily(store):
    stored = store.write_table("horizon_targets/horizon=7d/data.parquet", FRAME)
    assert store.read_table(stored.key, sha256=stored.sha256).equals(FRAME)
    assert store.scan_tables({stored.key: stored.sha256}).collect().equals(FRAME)


def test_the_same_table_is_the_same_bytes(store):
    assert store.write_table("a.parquet", FRAME).sha256 == store.write_table("b.parquet", FRAME).sha256


def test_a_lazy_frame_is_stored_as_the_frame_it_stands_for(store):
    store.write_table("a.parquet", FRAME.lazy().filter(pl.col("video_id") == "b"))
    assert store.read_table("a.parquet")["video_id"].to_list() == ["b"]


def test_several_partitions_scan_as_one_frame_in_the_order_asked_for(store):
    for day in ("day=1", "day=2", "day=3"):
        store.write_table(f"snapshots/{day}/data.parquet", pl.DataFrame({"day": [day]}))
    keys = {f"snapshots/{day}/data.parquet": None for day in ("day=3", "day=1")}
    assert store.scan_tables(keys).collect()["day"].to_list() == ["day=3", "day=1"]


def test_a_missing_table_names_its_place_and_the_way_out(store):
    with pytest.raises(ArtifactMissing, match=r"gone.parquet must exist before it is read; materialize"):
        store.read_table("gone.parquet")
    with pytest.raises(ArtifactMissing, match=r"gone.parquet must exist"):
        store.scan_tables({"gone.parquet": "0" * 64})


def test_changed_bytes_are_refused_when_their_checksum_is_known(store):
    written = store.write_table("a.parquet", FRAME)
    store.write_table("a.parquet", FRAME.head(1))
    with pytest.raises(ChecksumMismatch, match=f"must hold the bytes that were recorded, SHA-256 {written.sha256}"):
        store.read_table("a.parquet", sha256=written.sha256)
    with pytest.raises(ChecksumMismatch):
        store.scan_tables({"a.parquet": written.sha256})


def test_a_failed_write_leaves_the_table_that_was_there(tmp_path, monkeypatch):
    store = Storage(str(tmp_path))
    store.write_table("a.parquet", FRAME)

    def disk_full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(OSError, match="disk full"):
        store.write_table("a.parquet", FRAME.head(1))
    assert store.read_table("a.parquet").equals(FRAME)
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]


def test_vectors_are_gathered_in_the_order_asked_for_with_repeats(store):
    first, second = shard(store), shard(store, "uv", MATRIX[:2] + 100)
    gathered = store.gather([second, first, second, first], [1, 3, 0, 3])
    np.testing.assert_array_equal(gathered, [MATRIX[1] + 100, MATRIX[3], MATRIX[0] + 100, MATRIX[3]])
    assert store.gather([], []).shape == (0, 0)


def test_each_shard_is_opened_once_however_many_rows_are_read(tmp_path, monkeypatch):
    store = Storage(str(tmp_path))
    keys = [shard(store), shard(store, "uv", MATRIX[:2] + 100)]
    opened = []
    read = Storage.read
    monkeypatch.setattr(Storage, "read", lambda self, key, **known: opened.append(key) or read(self, key, **known))
    store.gather(keys * 50, [0, 1] * 50)
    assert sorted(opened) == sorted(keys)


def test_the_same_vectors_are_one_shard_that_knows_its_videos_and_blocks(store):
    assert shard(store) == shard(store)
    read = store.read_shard(shard(store))
    assert (read.video_ids, dict(read.blocks)) == (("w", "x", "y", "z"), {"text": 3})
    np.testing.assert_array_equal(read.matrix, MATRIX)


def test_a_damaged_shard_is_refused_before_it_is_parsed(store):
    key = shard(store)
    content = bytearray(store.read(key))
    content[200] ^= 1
    store.write(key, bytes(content))
    with pytest.raises(ChecksumMismatch, match=r"\.npz must hold the bytes"):
        store.gather([key], [0])


def artifact(tmp_path):
    folder = tmp_path / "made"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "weights.txt").write_text("1 2 3")
    (folder / "trial.json").write_text("{}")
    return folder


def test_an_artifact_reads_back_after_its_origin_is_gone(store, tmp_path):
    folder = artifact(tmp_path)
    stored = store.write_artifact("models/ridge/one", folder)
    shutil.rmtree(folder)
    with store.open_artifact("models/ridge/one", sha256=stored.sha256) as found:
        assert (found / "model" / "weights.txt").read_text() == "1 2 3"


def test_what_is_stored_of_an_artifact_is_what_its_writer_was_told(store, tmp_path):
    written = store.write_artifact("models/ridge/one", artifact(tmp_path))
    assert store.stored_artifact("models/ridge/one") == written
    assert written.n_bytes == len("1 2 3") + len("{}") + len(store.read("models/ridge/one/checksums.json"))


@pytest.mark.parametrize("gone", ["model/weights.txt", "checksums.json"])
def test_an_artifact_that_lacks_a_file_is_not_stored(store, tmp_path, gone):
    store.write_artifact("one", artifact(tmp_path))
    (store.root / "one" / gone).unlink()
    with pytest.raises(ArtifactMissing, match=f"{gone} must exist"):
        store.stored_artifact("one")


def test_an_artifact_is_written_once(store, tmp_path):
    store.write_artifact("models/ridge/one", artifact(tmp_path))
    with pytest.raises(AlreadyStored, match="is written once and is there already"):
        store.write_artifact("models/ridge/one", tmp_path / "made")


@pytest.mark.parametrize("name", ["model/weights.txt", "checksums.json"])
def test_an_artifact_with_a_changed_file_is_not_handed_out(store, tmp_path, name):
    stored = store.write_artifact("one", artifact(tmp_path))
    store.write(f"one/{name}", store.read(f"one/{name}") + b" ")
    with pytest.raises(ChecksumMismatch), store.open_artifact("one", sha256=stored.sha256):
        pytest.fail("a changed artifact was opened")


def test_an_unfinished_artifact_is_no_artifact(store, tmp_path):
    store.write_artifact("one", artifact(tmp_path))
    (store.root / "one" / "checksums.json").unlink()
    with pytest.raises(ArtifactMissing), store.open_artifact("one"):
        pytest.fail("an unfinished artifact was opened")


def test_a_pointer_moves_only_for_the_one_who_saw_its_last_entry(store):
    assert store.pointer_log("champion/horizon=7d") == []
    assert store.append_pointer("champion/horizon=7d", {"run": "a"}, after=0) == 1
    with pytest.raises(AlreadyStored):
        store.append_pointer("champion/horizon=7d", {"run": "late"}, after=0)
    assert store.append_pointer("champion/horizon=7d", {"run": "b"}, after=1) == 2
    assert store.pointer_log("champion/horizon=7d") == [{"run": "a"}, {"run": "b"}]


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=40))
def test_gathering_equals_reading_row_by_row(tmp_path_factory, rows):
    store = Storage(str(tmp_path_factory.mktemp("store")))
    matrices = [np.full((5, 2), 10 * n, np.float32) + np.arange(5, dtype=np.float32)[:, None] for n in range(4)]
    keys = [store.write_shard("s", list("abcde"), matrix, {"text": 2}) for matrix in matrices]
    gathered = store.gather([keys[n] for n, _ in rows], [row for _, row in rows])
    expected = [matrices[n][row] for n, row in rows]
    assert gathered.tolist() == [vector.tolist() for vector in expected]


WRITER = """
import sys, numpy as np, polars as pl
from vidrank_assets.storage import Storage
store, version = Storage(sys.argv[1]), 0
print("ready", flush=True)
while True:
    version += 1
    rows = pl.DataFrame({"partition": [version % 3] * 50_000, "version": [version] * 50_000})
    store.write_table(f"snapshots/day={version % 3}/data.parquet", rows)
    matrix = np.full((500, 64), version, np.float32)
    key = store.write_shard("embeddings", [str(i) for i in range(500)], matrix, {"text": 64})
    store.write_table(f"manifest/{version:06d}.parquet", pl.DataFrame({"shard": [key], "version": [version]}))
"""


def killed_while_writing(root: Path, after: float) -> None:
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WRITER), str(root)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    time.sleep(after)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()


def assert_nothing_is_torn(store: Storage, last_seen: dict[str, int]) -> None:
    for key in store.keys("snapshots", suffix=".parquet"):
        table = store.read_table(key)
        assert (table.height, table["version"].n_unique()) == (50_000, 1), key
        last_seen[key] = table["version"][0]
    manifest = [store.read_table(key).row(0) for key in store.keys("manifest", suffix=".parquet")]
    assert manifest == sorted(set(manifest), key=lambda row: row[1]), "a manifest part was doubled"
    for shard_key, version in manifest:
        assert (store.read_shard(shard_key).matrix == version).all(), shard_key


@pytest.mark.parametrize("moments", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_leaves_every_table_and_shard_whole(tmp_path, moments):
    waits = np.random.default_rng(7).uniform(0.0, 0.25, moments)
    store, seen = Storage(str(tmp_path)), {}
    for wait in waits:
        before = set(seen)
        killed_while_writing(tmp_path, float(wait))
        assert_nothing_is_torn(store, seen)
        assert before <= set(store.keys("snapshots", suffix=".parquet")), "a partition was lost"
    assert len(seen) == 3
