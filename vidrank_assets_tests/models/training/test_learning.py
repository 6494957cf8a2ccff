"""A training that is stopped goes on to the same bits; what it keeps for that, and what it does not use."""

import multiprocessing
import os
import random
import signal
import time
from dataclasses import dataclass, field

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vidrank_assets.models.training import learning
from vidrank_assets.models.training.learning import Plan, learned
from vidrank_assets_tests.models.training.conftest import Asked
from vidrank_assets_tests.models.training.toy_objective import Toy

SHORT = {"max_epochs": 6, "batch_size": 40}
N_STEPS = 6  # of an epoch


@dataclass
class Ending(Toy):
    """Counts its steps, and sends its process a signal before some of them."""

    signals: dict = field(default_factory=dict)
    steps: int = 0

    def losses(self, layers, batch):
        self.steps += 1
        if number := self.signals.get(self.steps):
            os.kill(os.getpid(), number)
        return super().losses(layers, batch)


def fitted(workplace, toy=None, *, seed=1, **plan):
    return learned(toy or Toy(dropout=0.2), Plan(**{**SHORT, **plan}), seed=seed, workplace=workplace)


def assert_same(one, other):
    assert one.curve == other.curve
    for name, expected in one.layers.state_dict().items():
        assert torch.equal(other.layers.state_dict()[name], expected), name


@pytest.fixture(scope="module")
def uninterrupted():
    return fitted(None)


def test_checkpoints_and_event_files_change_nothing(tmp_path, uninterrupted):
    found = fitted(tmp_path)
    assert_same(uninterrupted, found)
    assert found.facts == uninterrupted.facts
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoints", "tensorboard", "turn"}


def test_a_finished_training_returns_its_result_at_once(tmp_path, uninterrupted):
    fitted(tmp_path)
    again = Ending(dropout=0.2)
    found = fitted(tmp_path, again)
    assert_same(uninterrupted, found)
    assert again.steps == 0
    assert found.facts == {**uninterrupted.facts, "resumed_from_epoch": 6}


@pytest.mark.parametrize("at", [1, 9, N_STEPS, 6 * N_STEPS - 1, 6 * N_STEPS])
def test_a_signal_in_the_middle_of_an_epoch_costs_no_step(tmp_path, uninterrupted, asked, at):
    toy = Ending(dropout=0.2, signals={at: signal.SIGTERM})
    with pytest.raises(Asked):
        fitted(tmp_path, toy, checkpoint_every=100)
    assert toy.steps == at
    rest = Ending(dropout=0.2)
    found = fitted(tmp_path, rest, checkpoint_every=100)
    assert_same(uninterrupted, found)
    assert found.facts["resumed_from_epoch"] == (at - 1) // N_STEPS + 1
    assert rest.steps == 6 * N_STEPS - at + N_STEPS  # and a pass for batch norm of the averaged weights


def test_a_signal_whose_handler_lets_the_training_go_on_changes_nothing(tmp_path, uninterrupted):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        found = fitted(tmp_path, Ending(dropout=0.2, signals={4: signal.SIGTERM, 20: signal.SIGTERM}))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] * 2
    assert_same(uninterrupted, found)


def test_without_a_workplace_a_signal_takes_effect_at_once_and_nothing_is_written(tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    toy = Ending(signals={3: signal.SIGTERM})
    with pytest.raises(Asked):
        fitted(None, toy)
    assert toy.steps == 3 and list(tmp_path.iterdir()) == []


def test_the_event_file_of_a_resumed_training_has_each_epoch_once(tmp_path, uninterrupted, asked):
    with pytest.raises(Asked):
        fitted(tmp_path, Ending(dropout=0.2, signals={20: signal.SIGTERM}), checkpoint_every=2)
    fitted(tmp_path, checkpoint_every=2)
    fitted(tmp_path / "at once")
    (file,) = (tmp_path / "tensorboard").iterdir()
    assert file.read_bytes() == (tmp_path / "at once" / "tensorboard" / file.name).read_bytes()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert set(found) == {
        "loss/squares", "loss/size", "loss/total", "score/val", "learning_rate/body", "learning_rate/1",
    }  # fmt: skip
    assert found["score/val"] == [(epoch.number, pytest.approx(epoch.score)) for epoch in uninterrupted.curve]
    assert found["loss/squares"] == [
        (epoch.number, pytest.approx(epoch.losses["squares"])) for epoch in uninterrupted.curve
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"toy": Toy(dropout=0.2, identity="other")}, "identity"),
        ({"gradient_clip": 0.5}, "plan"),
        ({"seed": 2}, "seed"),
    ],
)
def test_the_checkpoint_of_another_training_is_not_gone_on_with(tmp_path, asked, changed, said):
    with pytest.raises(Asked):
        fitted(tmp_path, Ending(dropout=0.2, signals={20: signal.SIGTERM}))
    found = fitted(tmp_path, **changed)
    assert found.facts["resumed_from_epoch"] == 0
    assert found.facts["checkpoint_set_aside"] == f"another {said}"
    assert_same(fitted(None, **changed), found)


def test_one_of_another_torch_is_not_either(tmp_path, monkeypatch, asked):
    with monkeypatch.context() as patched, pytest.raises(Asked):
        patched.setattr(torch, "__version__", "2.12.0")
        fitted(tmp_path, Ending(dropout=0.2, signals={20: signal.SIGTERM}))
    assert fitted(tmp_path).facts["checkpoint_set_aside"] == "another torch"


def test_one_of_other_code_is_not_either(tmp_path, monkeypatch, asked):
    with monkeypatch.context() as patched, pytest.raises(Asked):
        patched.setattr(learning, "_code", lambda: "of last week")
        fitted(tmp_path, Ending(dropout=0.2, signals={20: signal.SIGTERM}))
    assert fitted(tmp_path).facts["checkpoint_set_aside"] == "another code"


def test_the_code_that_counts_is_that_of_every_folder_of_the_models(tmp_path, monkeypatch):
    """A loss beside the training decides its bits too; a net of the same name elsewhere is another."""
    monkeypatch.setattr(learning, "__file__", str(tmp_path / "training" / "learning.py"))
    digests = []
    for place, code in [("ranking/loss.py", "1"), ("ranking/loss.py", "2"), ("tuning/loss.py", "2"), ("loss.py", "2")]:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(code)
        digests.append(learning._code.__wrapped__())
    assert len(set(digests)) == 4


def test_how_often_checkpoints_are_written_may_change_on_the_way(tmp_path, uninterrupted, asked):
    with pytest.raises(Asked):
        fitted(tmp_path, Ending(dropout=0.2, signals={20: signal.SIGTERM}), checkpoint_every=3)
    found = fitted(tmp_path, checkpoint_every=1)
    assert found.facts["resumed_from_epoch"] == 4
    assert_same(uninterrupted, found)


def test_a_damaged_checkpoint_costs_the_epochs_since_the_one_before(tmp_path, uninterrupted, asked):
    with pytest.raises(Asked):
        fitted(tmp_path, Ending(dropout=0.2, signals={20: signal.SIGTERM}))
    newest = max((tmp_path / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    found = fitted(tmp_path)
    assert found.facts["checkpoints_damaged"] == 1 and found.facts["resumed_from_epoch"] == 4
    assert_same(uninterrupted, found)


def test_early_stopping_and_averaging_go_on_where_they_were(tmp_path, asked):
    """What is stopped is patience at its end, and a mean of weights that has some epochs."""
    plan = {"max_epochs": 20, "average_from": 0.1, "patience": 2}
    toy = {"rate": 0.5, "dropout": 0.5}
    expected = fitted(None, Toy(**toy), **plan)
    assert len(expected.curve) < 20
    assert len(expected.curve) > 3
    for at in (15, 6):
        with pytest.raises(Asked):
            fitted(tmp_path, Ending(**toy, signals={at: signal.SIGTERM}), **plan)
    assert_same(expected, fitted(tmp_path, Toy(**toy), **plan))


#: Processes are forked from one that has imported torch, which takes seconds.
CONTEXT = multiprocessing.get_context("forkserver")
LONG = {"max_epochs": 40, "batch_size": 40, "checkpoint_every": 2, "average_from": 0.3, "accumulate": 2}


@dataclass
class Telling(Toy):
    """Tells of each piece of a step before it is worked on."""

    pipe: object = None

    def losses(self, layers, batch):
        self.pipe.send_bytes(b".")
        return super().losses(layers, batch)


def trained_and_told(workplace, pipe):
    # pytest ignores what the default handler would end.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    fitted(workplace, Telling(dropout=0.2, pipe=pipe), **LONG)


def kill_after(workplace, *, pieces, seconds, number):
    """Train in a process of its own, and end it some time after it began the last of so many pieces."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=trained_and_told, args=(workplace, theirs))
    process.start()
    theirs.close()
    for _ in range(pieces):
        ours.recv_bytes()
    time.sleep(seconds)
    os.kill(process.pid, number)
    ours.close()  # which is no reader's business any more
    process.join(60)
    assert process.exitcode == -number


@pytest.mark.slow
def test_a_training_that_is_killed_at_ten_random_moments_ends_at_the_same_bits(tmp_path):
    CONTEXT.set_forkserver_preload([__name__, "accelerate", "torch._dynamo"])
    chance = random.Random(5)
    for number in [signal.SIGKILL, signal.SIGTERM] * 5:
        pieces, seconds = chance.randrange(1, 70), chance.uniform(0, 0.02)
        kill_after(tmp_path, pieces=pieces, seconds=seconds, number=number)
    found = fitted(tmp_path, **LONG)
    assert found.facts["resumed_from_epoch"] > 5
    assert len(found.curve) == 40
    assert_same(fitted(None, **LONG), found)
