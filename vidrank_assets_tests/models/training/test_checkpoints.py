import os

import pytest
import torch

from vidrank_assets.models.training.checkpoints import Checkpoints

OF = {"identity": "a", "seed": 1}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


def written(folder, *numbers, of=OF):
    for number in numbers:
        Checkpoints(folder, of).write({"number": number, "weights": {"w": torch.full((100,), float(number))}})


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_newest_is_what_was_written_last(folder):
    assert Checkpoints(folder, OF).newest() is None
    written(folder, 1, 2, 3)
    newest = Checkpoints(folder, OF).newest()
    assert newest["number"] == 3 and torch.equal(newest["weights"]["w"], torch.full((100,), 3.0))


def test_two_are_kept(folder):
    written(folder, 1, 2, 3)
    assert [path.name[:6] for path in sorted(folder.iterdir())] == ["000002", "000003"]


def test_of_a_damaged_one_nothing_is_used_and_the_one_before_is_taken(folder):
    written(folder, 1, 2)
    damage(max(folder.iterdir()))
    checkpoints = Checkpoints(folder, OF)
    assert checkpoints.newest()["number"] == 1
    assert checkpoints.facts == {"checkpoints_damaged": 1}
    assert len(list(folder.glob("*.damaged"))) == 1
    written(folder, 3)
    assert Checkpoints(folder, OF).newest()["number"] == 3


@pytest.mark.parametrize("length", [0, 10, 1000])
def test_a_cut_one_is_a_damaged_one(folder, length):
    written(folder, 1)
    [path] = folder.iterdir()
    path.write_bytes(path.read_bytes()[:length])
    assert Checkpoints(folder, OF).newest() is None


def test_a_checkpoint_of_another_training_is_set_aside_with_what_differs(folder):
    written(folder, 1, of={"identity": "b", "seed": 1})
    checkpoints = Checkpoints(folder, OF)
    assert checkpoints.newest() is None
    assert checkpoints.facts == {"checkpoint_set_aside": "another identity"}
    assert not folder.exists()
    aside = folder.with_name("checkpoints_set_aside")
    assert Checkpoints(aside, {"identity": "b", "seed": 1}).newest()["number"] == 1


def test_what_was_set_aside_before_makes_room(folder):
    for seed in (2, 3):
        written(folder, seed, of={"identity": "a", "seed": seed})
        Checkpoints(folder, OF).newest()
    aside = Checkpoints(folder.with_name("checkpoints_set_aside"), {"identity": "a", "seed": 3})
    assert aside.newest()["number"] == 3


def test_a_file_that_a_killed_process_left_half_written_is_not_read_and_goes(folder):
    written(folder, 1)
    (folder / "writing-1").write_bytes(b"half")
    assert Checkpoints(folder, OF).newest()["number"] == 1
    assert [path.name[:6] for path in folder.iterdir()] == ["000001"]


def test_the_bytes_are_on_the_disk_before_the_name_is(folder, monkeypatch):
    acts = []
    fsync, rename = os.fsync, type(folder).rename
    monkeypatch.setattr(os, "fsync", lambda file: (acts.append("sync"), fsync(file))[1])
    monkeypatch.setattr(type(folder), "rename", lambda path, to: (acts.append("name"), rename(path, to))[1])
    written(folder, 1)
    assert acts == ["sync", "name", "sync"]


def test_nothing_is_unpickled(folder):
    """A checkpoint that would run code is an error, not an act."""
    Checkpoints(folder, OF).write({"number": Trap()})
    with pytest.raises(Exception, match="Weights only load failed"):
        Checkpoints(folder, OF).newest()


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("ran",))
