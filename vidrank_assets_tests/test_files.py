import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from vidrank_assets.errors import AlreadyStored
from vidrank_assets.files import Files

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HEX = "0123456789abcdef" * 2


def test_of_many_writers_of_one_place_exactly_one_wins(store):
    def attempt(writer: int) -> bool:
        try:
            store.write("once.json", str(writer).encode(), once=True)
        except AlreadyStored:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        wins = list(pool.map(attempt, range(24)))
    assert sum(wins) == 1
    assert store.read("once.json") == str(wins.index(True)).encode()


def test_keys_are_those_below_the_prefix_without_unfinished_writes(store):
    for key in ("a/1.json", "a/b/2.json", "a/3.txt", "ab/4.json", "a/.5.json.0f.partial"):
        store.write(key, b"{}")
    assert store.keys("a", suffix=".json") == ["a/1.json", "a/b/2.json"]
    assert store.keys("nothing") == []


def left_behind(root, name, age):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"half")
    written_at = (NOW - age).timestamp()
    os.utime(file, (written_at, written_at))
    return file


def test_what_a_killed_writer_left_a_day_ago_is_swept_away_and_nothing_else(tmp_path):
    old = timedelta(days=1, seconds=1)
    swept = left_behind(tmp_path, f"day=1/.data.parquet.{HEX}.partial", old)
    kept = [
        left_behind(tmp_path, f"day=1/.data.parquet.{HEX[::-1]}.partial", timedelta(days=1)),  # may still be written
        left_behind(tmp_path, "day=1/data.parquet", old),
        left_behind(tmp_path, "day=1/.rsync.partial", old),  # another program's
        left_behind(tmp_path, f"day=1/data.parquet.{HEX}.partial", old),
    ]
    assert Files(str(tmp_path)).sweep(now=NOW) == ["day=1/data.parquet"]
    assert not swept.exists()
    assert all(file.exists() for file in kept)


def test_a_file_that_is_published_while_the_sweep_looks_at_it_is_no_error(tmp_path, monkeypatch):
    file = left_behind(tmp_path, f".a.json.{HEX}.partial", timedelta(days=2))
    monkeypatch.setattr(type(file), "rglob", lambda self, pattern: [file, self / f".gone.{HEX}.partial"])
    assert Files(str(tmp_path)).sweep(now=NOW) == ["a.json"]


def test_a_write_that_a_sweep_overtakes_is_stored(tmp_path):
    files = Files(str(tmp_path))
    with files._staged("a.json") as staged:
        staged.write_bytes(b"{}")
        assert files.sweep(now=datetime.now(UTC)) == []
        files._publish(staged, "a.json")
    assert files.read("a.json") == b"{}"


def test_a_bucket_has_nothing_to_sweep(store):
    store.write("a.json", b"{}")
    assert store.sweep(now=datetime.now(UTC) + timedelta(days=9)) == []
    assert store.exists("a.json")


@pytest.mark.parametrize("nothing_there", ["", "never written"])
def test_a_root_that_was_never_written_to_is_empty(tmp_path, nothing_there):
    files = Files(str(tmp_path / nothing_there))
    assert (files.keys(""), files.sweep(now=NOW)) == ([], [])
