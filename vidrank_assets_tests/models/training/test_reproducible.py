import pytest
import torch

from vidrank_assets.models.training.reproducible import (
    generator,
    random_state,
    reproducible,
    restore_random_state,
    threads,
    threads_for,
)


def test_the_same_seed_gives_the_same_numbers_and_others_find_torch_as_they_left_it():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    was = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    numbers = []
    for _ in range(2):
        with reproducible(7, n_threads=1) as device:
            assert torch.are_deterministic_algorithms_enabled() and torch.get_num_threads() == 1
            numbers.append(torch.rand(3, device=device))
    assert torch.equal(*numbers)
    assert torch.equal(torch.rand(3), expected)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == was


def test_torch_is_as_it_was_after_a_failure_too():
    was = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with pytest.raises(ValueError, match="within"), reproducible(7, n_threads=was[0] + 1):
        raise ValueError("within")
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == was


def test_few_rows_are_worked_on_by_one_thread_and_many_by_all():
    with threads(3):
        assert (threads_for(9_999), threads_for(10_000)) == (1, 3)


def test_a_generator_is_decided_by_all_of_its_numbers():
    def drawn(*entropy):
        return torch.rand(2, generator=generator(*entropy)).tolist()

    assert drawn(1, 2, 3) == drawn(1, 2, 3)
    assert len({tuple(drawn(*entropy)) for entropy in [(1, 2, 3), (1, 3, 2), (1, 2), (0, 2, 3)]}) == 4


def test_random_numbers_go_on_where_they_stood():
    state = random_state()
    expected = torch.rand(4)
    restore_random_state(state)
    assert torch.equal(torch.rand(4), expected)
