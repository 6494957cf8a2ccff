"""Processes that share a training: the same losses as one, and signals, faults and results that find their way."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import torch

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.training.learning import Plan, learned
from vidrank_assets.models.training.learning_processes import launched_processes, shared_out
from vidrank_assets_tests.models.training.conftest import Asked
from vidrank_assets_tests.models.training.toy_objective import Toy

#: 203 examples in 6 batches, of which one has 33.
PLAN = {"max_epochs": 6, "batch_size": 40, "accumulate": 2}
ROOT = Path(__file__).parents[3]


@dataclass
class EndingItsCaller(Toy):
    """Where it works in a spawned process, it once sends SIGTERM to the process that spawned it, and awaits its own."""

    flag: Path | None = None
    steps: int = 0

    def losses(self, layers, batch):
        self.steps += 1
        if self.steps == 15 and os.environ.get("RANK") == "1" and not self.flag.exists():
            self.flag.touch()
            ask_and_be_asked(os.getppid())
        return super().losses(layers, batch)


def ask_and_be_asked(caller):
    """Send SIGTERM, and go on when it was passed on to this process: however late, it is in the same epoch."""
    heard, woken = socket.socketpair()
    woken.setblocking(False)
    before = signal.set_wakeup_fd(woken.fileno())
    os.kill(caller, signal.SIGTERM)
    heard.settimeout(60)
    assert heard.recv(1)[0] == signal.SIGTERM
    signal.set_wakeup_fd(before)


def fitted(processes, workplace=None, toy=None):
    return learned(toy or Toy(), Plan(**PLAN, processes=processes), seed=1, workplace=workplace)


@pytest.fixture(scope="module")
def two():
    return fitted(2)


def assert_close(found, expected):
    assert len(found.curve) == len(expected.curve)
    for one, other in zip(found.curve, expected.curve, strict=True):
        assert one.losses == pytest.approx(other.losses, abs=1e-5)
        assert one.score == pytest.approx(other.score, abs=1e-4)


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(two):
    """With batch norm, mixup, accumulation and batches that two cannot share equally."""
    one = fitted(1)
    assert_close(two, one)
    for expected, found in zip(one.layers.parameters(), two.layers.parameters(), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert two.facts == {**one.facts, "processes": 2, "score": pytest.approx(one.facts["score"], abs=1e-4)}


@pytest.mark.slow
def test_two_processes_whose_caller_is_asked_to_end_go_on_to_the_same_bits(two, tmp_path, asked):
    toy = EndingItsCaller(flag=tmp_path / "asked")
    with pytest.raises(Asked):
        fitted(2, tmp_path / "work", toy)
    found = fitted(2, tmp_path / "work", toy)
    assert found.facts["resumed_from_epoch"] == 2  # 12 pieces an epoch
    assert found.curve == two.curve
    for expected, same in zip(two.layers.parameters(), found.layers.parameters(), strict=True):
        assert torch.equal(same, expected)


LAUNCHED = """
import sys
from pathlib import Path
from vidrank_assets_tests.models.training.test_learning_processes import PLAN, Plan, Toy, learned

found = learned(Toy(), Plan(**PLAN), seed=1, workplace=Path(sys.argv[1]))
if found.facts["processes"] == 2:
    (Path(sys.argv[1]) / f"{found.curve[-1].losses['squares']!r}").touch()
"""


@pytest.mark.slow
def test_processes_that_torchrun_starts_are_those_that_share(two, tmp_path):
    """Whatever the plan says of processes."""
    program = tmp_path / "program.py"
    program.write_text(LAUNCHED)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    subprocess.run([*launch, program, tmp_path], check=True, env={**os.environ, "PYTHONPATH": paths}, timeout=300)
    assert (tmp_path / repr(two.curve[-1].losses["squares"])).exists()


def added(number):
    """What a process of two, or of one, makes of a number."""
    total = torch.tensor([number + torch.distributed.get_rank()])
    torch.distributed.all_reduce(total)
    return {"total": total, "launched": launched_processes()}


def refused():
    raise InvalidInput("rows must be there; found none.")


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def asking_once(flag):
    if not flag.exists():
        flag.touch()
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(60)
    return {"asked": True}


def test_this_process_was_not_launched_among_others():
    assert launched_processes() == 1


@pytest.mark.slow
def test_the_result_is_that_of_all_processes():
    found = shared_out(added, (10,), processes=2, resumable=False)
    assert found == {"total": torch.tensor([21]), "launched": 2}


@pytest.mark.slow
def test_a_refusal_comes_back_as_what_it_was():
    with pytest.raises(InvalidInput, match="^rows must be there; found none.$"):
        shared_out(refused, (), processes=1, resumable=False)


@pytest.mark.slow
def test_a_process_that_is_killed_is_an_error_that_says_so():
    with pytest.raises(RuntimeError, match="must end well.*SIGKILL"):
        shared_out(killed, (), processes=1, resumable=True)


@pytest.mark.slow
def test_processes_begin_again_where_a_signal_lets_their_caller_go_on(tmp_path):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        found = shared_out(asking_once, (tmp_path / "flag",), processes=1, resumable=True)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (found, heard) == ({"asked": True}, [signal.SIGTERM])


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InvalidInput, match="found 1 for 2 processes"):
        shared_out(added, (1,), processes=2, resumable=False)


def waiting(flag):
    aside = flag.with_suffix(".aside")
    aside.write_text(str(os.getpid()))
    aside.rename(flag)
    time.sleep(300)


def wait_in_a_process(flag):
    shared_out(waiting, (flag,), processes=1, resumable=True)


@pytest.mark.slow
def test_processes_end_when_their_caller_is_killed(tmp_path):
    flag = tmp_path / "started"
    caller = multiprocessing.get_context("spawn").Process(target=wait_in_a_process, args=(flag,))
    caller.start()
    while not flag.exists():
        assert caller.is_alive()
        time.sleep(0.1)
    process = psutil.Process(int(flag.read_text()))
    caller.kill()
    process.wait(timeout=60)
