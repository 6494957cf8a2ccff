import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrank_assets import storage
from vidrank_assets.errors import AlreadyStored, ArtifactMissing, ChecksumMismatch, InvalidInput
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
    open_shard = Storage._open_shard
    monkeypatch.setattr(Storage, "_open_shard", lambda self, key: opened.append(key) or open_shard(self, key))
    store.gather(keys * 50, [0, 1] * 50)
    assert sorted(opened) == sorted(keys)


def test_the_checksum_of_a_shard_is_computed_once_a_process(tmp_path, monkeypatch):
    key = shard(Storage(str(tmp_path)))
    computed = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, kind: computed.append(file.name) or digest(file, kind))
    for _ in range(3):
        Storage(str(tmp_path)).gather([key, key], [0, 1])
    assert computed == [str(tmp_path / key)]


def test_a_shard_damaged_in_its_place_after_it_was_read_is_refused(tmp_path):
    store = Storage(str(tmp_path))
    file = tmp_path / shard(store)
    store.gather([shard(store)], [0])
    with file.open("r+b") as opened:
        opened.seek(200)
        opened.write(b"\xff")
    os.utime(file, (1, 1))  # as when it is damaged at another second than it was written in
    with pytest.raises(ChecksumMismatch):
        store.gather([shard(store, matrix=MATRIX + 1), file.relative_to(tmp_path).as_posix()], [0, 0])


def test_writing_the_vectors_of_a_damaged_shard_again_repairs_it(store):
    key = shard(store)
    store.write(key, store.read(key)[:-1])
    assert shard(store) == key
    np.testing.assert_array_equal(store.gather([key], [2]), MATRIX[[2]])


def test_no_file_stays_open_whether_a_shard_is_read_or_refused(tmp_path):
    store = Storage(str(tmp_path))
    keys = [shard(store), shard(store, "uv", MATRIX[:2] + 100), foreign(store, vectors=MATRIX.astype(np.float64))]
    before = open_files(tmp_path)
    store.gather(keys[:2] * 2, [0, 0, 1, 1])
    store.read_shard(keys[0])
    with pytest.raises(InvalidInput):
        store.gather(keys, [0, 0, 0])
    assert open_files(tmp_path) == before == []


def open_files(folder):
    return [file.path for file in psutil.Process().open_files() if file.path.startswith(str(folder))]


def foreign(store, *, save=np.savez, **changed):
    """A file that is named by its SHA-256 as ours are, but was written by something else."""
    arrays = {"vectors": MATRIX, "video_ids": np.array(list("wxyz")), "block_names": np.array(["text"])}
    arrays |= {"block_widths": np.array([3])} | changed
    content = BytesIO()
    save(content, **{name: array for name, array in arrays.items() if array is not None})
    return store.write(f"s/{hashlib.sha256(content.getvalue()).hexdigest()}.npz", content.getvalue()).key


def test_a_shard_of_another_system_is_refused_with_its_place_and_the_way_out(store):
    key = foreign(store, save=np.savez_compressed)
    with pytest.raises(InvalidInput, match=rf"{key} must be a shard as .*; it is compressed. Materialize"):
        store.gather([key], [0])


def test_the_blocks_of_a_shard_are_known_without_its_vectors(store):
    key = store.write_shard("fused/concat", list("wxyz"), MATRIX, {"text": 1, "image": 2})
    assert list(store.shard_blocks(key).items()) == [("text", 1), ("image", 2)]


@pytest.mark.parametrize("row", [-1, 4])
def test_a_row_that_a_shard_does_not_hold_is_refused(store, row):
    with pytest.raises(
        InvalidInput, match=rf"holds 4 vectors of 3 columns; rows {row} to {row} of 3 columns were asked"
    ):
        store.gather([shard(store)], [row])


def test_shards_of_different_widths_are_not_gathered_into_one_matrix(store):
    keys = [shard(store), shard(store, matrix=MATRIX[:, :1])]
    with pytest.raises(InvalidInput, match="holds 4 vectors of 1 columns; rows 2 to 2 of 3 columns"):
        store.gather(keys, [2, 2])


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


def test_an_artifact_that_another_writer_finished_meanwhile_stays_as_it_is(store, tmp_path, monkeypatch):
    first, second = (artifact(tmp_path / name) for name in ("first", "second"))
    (second / "trial.json").write_text('{"fit_seconds": 2}')
    computed = storage.sha256_of

    def outrun(file):
        monkeypatch.setattr(storage, "sha256_of", computed)
        store.write_artifact("one", first)
        return computed(file)

    monkeypatch.setattr(storage, "sha256_of", outrun)
    with pytest.raises(AlreadyStored):
        store.write_artifact("one", second)
    assert store.read_from_artifact("one", "trial.json") == b"{}"


def test_of_writers_of_one_artifact_at_a_time_one_wins_and_its_files_stay_whole(tmp_path):
    store = Storage(str(tmp_path / "store"))
    folders = [artifact(tmp_path / str(writer)) for writer in range(4)]
    for writer, folder in enumerate(folders):
        for place in range(20):
            (folder / f"{place}.txt").write_text(str(writer))

    def refused(folder):
        try:
            store.write_artifact("one", folder)
        except AlreadyStored:
            return True
        return False

    with ThreadPoolExecutor(4) as writers:
        assert sum(writers.map(refused, folders)) == 3
    with store.open_artifact("one") as found:
        assert len({(found / f"{place}.txt").read_text() for place in range(20)}) == 1


def test_one_file_of_an_artifact_is_read_as_it_was_written_or_not_at_all(store, tmp_path):
    store.write_artifact("one", artifact(tmp_path))
    assert store.read_from_artifact("one", "trial.json") == b"{}"
    store.write("one/trial.json", b"{ }")
    with pytest.raises(ChecksumMismatch):
        store.read_from_artifact("one", "trial.json")
    with pytest.raises(ArtifactMissing):
        store.read_from_artifact("one", "gone.json")


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside.txt", "model/../../outside.txt"])
def test_an_artifact_that_names_files_outside_its_folder_is_not_opened(store, tmp_path, name):
    store.write_artifact("one", artifact(tmp_path))
    store.write("one/checksums.json", json.dumps({name: "0" * 64}).encode())
    with pytest.raises(InvalidInput, match="must name files of its own folder"), store.open_artifact("one"):
        pytest.fail("a file outside the artifact was read")


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


@settings(deadline=None)  # each example writes and flushes four files
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
