"""What is tried again when an asset fails, and what is not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg

from vidrank_assets.errors import VidrankError

P = ParamSpec("P")
R = TypeVar("R")

#: For what passes by itself: a network, a full disk, a busy machine.
RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


@contextmanager
def final_faults() -> Iterator[None]:
    """A fault that vidrank names is the same the next time: the step fails at once, with the fault's sentence."""
    try:
        yield
    except VidrankError as fault:
        raise dg.Failure(f"{type(fault).__name__}: {fault}", allow_retries=False) from fault


def faults_are_final(compute: Callable[P, R]) -> Callable[P, R]:
    """An asset's function within `final_faults`."""
    if isgeneratorfunction(compute):

        @wraps(compute)
        def steps(*args: P.args, **kwargs: P.kwargs) -> Any:
            with final_faults():
                yield from cast(Iterator[Any], compute(*args, **kwargs))

        return cast(Callable[P, R], steps)

    @wraps(compute)
    def step(*args: P.args, **kwargs: P.kwargs) -> R:
        with final_faults():
            return compute(*args, **kwargs)

    return step
