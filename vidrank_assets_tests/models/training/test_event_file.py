import os
import socket
import time

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vidrank_assets.models.training.event_file import NAME, EventFile


def written(folder, **scalars):
    events = EventFile(folder)
    for step in (1, 2):
        events.add({name.replace("_", "/"): value * step for name, value in scalars.items()}, step)
    events.close()
    return (folder / NAME).read_bytes()


def test_tensorboard_reads_the_values_of_each_step_by_tag(tmp_path):
    written(tmp_path / "new" / "folder", loss_rank=0.5, score_val=0.25)
    events = EventAccumulator(str(tmp_path / "new" / "folder"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss/rank", "score/val"}
    assert [(each.step, each.value) for each in events.Scalars("loss/rank")] == [(1, 0.5), (2, 1.0)]


def test_the_same_values_are_the_same_file_whenever_wherever_and_by_whom_it_is_written(tmp_path, monkeypatch):
    first = written(tmp_path / "a", loss=0.5)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(time, "time", lambda: 4e9)
        elsewhere.setattr(os, "getpid", lambda: 77)
        elsewhere.setattr(socket, "gethostname", lambda: "elsewhere")
        assert written(tmp_path / "b", loss=0.5) == first
    assert [path.name for path in (tmp_path / "b").iterdir()] == [NAME]
    assert written(tmp_path / "c", loss=0.25) != first


def test_what_is_not_a_number_can_be_shown(tmp_path):
    written(tmp_path, loss=float("nan"), score=float("inf"))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [each.value for each in events.Scalars("score")] == [pytest.approx(float("inf"))] * 2
