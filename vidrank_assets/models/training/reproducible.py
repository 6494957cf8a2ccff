"""Torch made to give the same numbers again, and left as it was found."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

#: Below so many rows two threads wait for each other longer than they work.
FEWEST_ROWS_FOR_THREADS = 10_000


@contextmanager
def reproducible(seed: int, *, n_threads: int) -> Iterator[Any]:
    """The device to train on, with torch seeded and its algorithms deterministic; afterwards all is as it was."""
    import torch

    cuda = range(torch.cuda.device_count())
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    # https://docs.nvidia.com/cuda/cublas/#results-reproducibility
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with torch.random.fork_rng(devices=cuda), threads(n_threads):
        try:
            torch.manual_seed(seed)
            torch.use_deterministic_algorithms(True)
            yield torch.device("cuda" if cuda else "cpu")
        finally:
            torch.use_deterministic_algorithms(was_deterministic, warn_only=only_warned)


def threads_for(n_rows: int) -> int:
    """How many threads of torch's work on so many rows."""
    import torch

    return 1 if n_rows < FEWEST_ROWS_FOR_THREADS else torch.get_num_threads()


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Torch with so many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def generator(*entropy: int) -> Any:
    """A `torch.Generator` of the CPU that these whole numbers decide; zeros at their end say nothing."""
    import torch

    words = np.random.SeedSequence(entropy).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0]))


def random_state() -> dict[str, Any]:
    """Where torch's own generators stand, of the CPU and of the GPU that is worked on."""
    import torch

    cuda = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}
    return {"cpu": torch.get_rng_state(), **cuda}


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Put torch's generators where `random_state` found them."""
    import torch

    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
