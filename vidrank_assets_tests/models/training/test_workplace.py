import fcntl
from concurrent.futures import ThreadPoolExecutor

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vidrank_assets.models.training.objective import Epoch
from vidrank_assets.models.training.workplace import Workplace

OF = {"identity": "a"}


def epoch(number):
    return Epoch(number, {"rank": 1 / number, "ctr": 0.25}, 0.5 + number / 10, [0.1, 0.2])


def scalars(folder):
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def shown(folder, begun_with, *numbers):
    workplace = Workplace(folder, OF, writes=True)
    workplace.begin([epoch(number) for number in begun_with], ["body", "1"])
    for number in numbers:
        workplace.show(epoch(number))
    workplace.close()


def test_the_event_file_has_terms_total_score_and_rates_of_each_epoch(tmp_path):
    shown(tmp_path, [], 1, 2)
    found = scalars(tmp_path)
    assert set(found) == {
        "loss/rank", "loss/ctr", "loss/total", "score/val", "learning_rate/body", "learning_rate/1",
    }  # fmt: skip
    assert found["loss/total"] == [(1, 1.25), (2, 0.75)]
    assert found["score/val"] == [(1, pytest.approx(0.6)), (2, pytest.approx(0.7))]
    assert found["learning_rate/1"] == [(1, pytest.approx(0.2)), (2, pytest.approx(0.2))]


def test_after_a_resume_each_epoch_is_there_once_and_what_was_repeated_is_new(tmp_path):
    shown(tmp_path, [], 1, 2, 3)
    shown(tmp_path, [1], 2, 3, 4)
    assert [step for step, _ in scalars(tmp_path)["score/val"]] == [1, 2, 3, 4]
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


def test_epochs_are_readable_before_the_training_is_over(tmp_path):
    workplace = Workplace(tmp_path, OF, writes=True)
    workplace.begin([], ["a", "b"])
    workplace.show(epoch(1))
    assert [step for step, _ in scalars(tmp_path)["score/val"]] == [1]
    workplace.close()


@pytest.mark.parametrize("folder", [True, False])
def test_without_a_folder_or_the_right_to_write_nothing_is_kept(tmp_path, folder):
    workplace = Workplace(tmp_path if folder else None, OF, writes=not folder)
    workplace.begin([epoch(1)], ["a", "b"])
    workplace.show(epoch(2))
    workplace.write({"number": 1})
    workplace.close()
    assert (workplace.is_kept, workplace.newest(), dict(workplace.facts)) == (folder, None, {})
    assert list(tmp_path.iterdir()) == []


def test_what_one_writes_another_reads(tmp_path):
    Workplace(tmp_path, OF, writes=True).write({"number": 3})
    assert Workplace(tmp_path, OF, writes=False).newest()["number"] == 3
    other = Workplace(tmp_path, {"identity": "b"}, writes=True)
    assert other.newest() is None and other.facts == {"checkpoint_set_aside": "another identity"}
    other.close()


def test_of_two_that_write_the_second_waits_and_finds_what_the_first_wrote(tmp_path):
    first, second = (Workplace(tmp_path, OF, writes=True) for _ in range(2))
    assert first.newest() is None
    with (tmp_path / "turn").open() as turn, pytest.raises(BlockingIOError):
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(second.newest)
        first.write({"number": 1})
        first.write({"number": 2})
        first.close()
        assert found.result(timeout=60)["number"] == 2
    second.close()
