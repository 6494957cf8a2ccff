import polars as pl
import pytest

from vidrank_assets.storage import Storage
from vidrank_assets.upkeep.changes import Changes, remove
from vidrank_assets.upkeep.retention import Outcome

ROWS = pl.DataFrame({"video_id": ["v"]})


@pytest.fixture
def store(tmp_path):
    return Storage(str(tmp_path))


@pytest.fixture
def told():
    return []


@pytest.fixture
def changes(store, told):
    return Changes(store, lambda *each: told.append(each))


def test_a_table_is_replaced_and_told_of_and_counted(store, changes, told):
    changes.table("snapshots", "day=2026-01-05", Outcome(ROWS, removed=2, refreshed=1))
    ((table, partition, stored, rows),) = told
    assert (table, partition, rows) == ("snapshots", "day=2026-01-05", 1)
    assert store.read_table(stored.key, sha256=stored.sha256).equals(ROWS)
    assert (changes.so_far().removed, changes.so_far().refreshed) == ({"snapshots": 2}, {"snapshots": 1})
    assert store.keys("upkeep") == []


def test_what_is_the_same_is_neither_written_nor_told_of(store, changes, told):
    changes.table("snapshots", "day=2026-01-05", Outcome(ROWS, removed=0))
    assert store.keys("") == told == [] and changes.so_far().is_nothing


def test_a_dry_run_counts_and_does_nothing(store, told):
    store.write("a", b"")
    changes = Changes(store, lambda *each: told.append(each), dry=True)
    changes.table("snapshots", "day=2026-01-05", Outcome(ROWS, removed=2))
    changes.remove("files", ["a"])
    changes.write("b", b"")
    changes.finish_earlier()
    assert store.keys("") == ["a"] and told == []
    assert (changes.so_far().removed, changes.so_far().files) == ({"snapshots": 2}, {"files": 1})


def test_a_table_whose_writer_was_killed_before_it_could_tell_is_told_of_by_the_next(store, told):
    def killed(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Changes(store, killed).table("snapshots", "day=2026-01-05", Outcome(ROWS, removed=1))
    Changes(store, lambda *each: told.append(each)).finish_earlier()
    ((table, partition, stored, rows),) = told
    assert (table, partition, rows) == ("snapshots", "day=2026-01-05", 1)
    assert store.read_table(stored.key, sha256=stored.sha256).equals(ROWS) and store.keys("upkeep") == []


def test_a_table_that_somebody_else_changed_is_not_told_of_as_if_an_upkeep_had(store, told):
    """What damaged a file stays a fault that readers are told of."""

    def killed(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Changes(store, killed).table("snapshots", "day=2026-01-05", Outcome(ROWS, removed=1))
    store.write("snapshots/day=2026-01-05/data.parquet", b"damaged")
    Changes(store, lambda *each: told.append(each)).finish_earlier()
    assert told == [] and store.keys("upkeep") == []


def test_files_whose_removal_was_killed_are_removed_by_the_next(store, changes, monkeypatch):
    from vidrank_assets.upkeep import changes as module

    for name in ("a", "b", "c"):
        store.write(name, b"")

    def once(opened, key):
        remove(opened, key)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "remove", once)
        with pytest.raises(KeyboardInterrupt):
            changes.remove("files", ["a", "b"])
    assert store.keys("") == ["b", "c", "upkeep/removing.json"]
    Changes(store, lambda *_: None).finish_earlier()
    assert store.keys("") == ["c"]


def test_files_go_in_a_bucket_too(s3_root, s3_endpoint):
    store = Storage(s3_root, s3_options={"endpoint_url": s3_endpoint, "use_listings_cache": False})
    store.write("a/b", b"x")
    remove(store, "a/b")
    remove(store, "a/b")
    assert not store.exists("a/b")
