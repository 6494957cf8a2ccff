"""One training shared by several processes of this machine."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from vidrank_assets.errors import InvalidInput
from vidrank_assets.models.training.interruption import Interruption

#: What every process does: its result, the same in each, made of tensors, numbers and words.
Work = Callable[..., Mapping[str, Any]]

_SECONDS_BETWEEN_LOOKS = 0.2
#: So long the others are given to end after one has failed.
_SECONDS_OF_GRACE = 60
_RESULT = "result.pt"


def launched_processes() -> int:
    """How many processes `accelerate launch` or torchrun has started this one among; 1 where none has."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def shared_out(work: Work, arguments: tuple[Any, ...], *, processes: int, resumable: bool) -> Mapping[str, Any]:
    """The result of `work(*arguments)` in new processes that find each other through torch.distributed.

    The processes are spawned: work and arguments are pickled, and a program's start must stand below
    `if __name__ == "__main__"`. They talk over the loopback interface, and end when this process does. Where the work
    is resumable, a signal that asks this process to end is passed on to them and takes effect when they have ended;
    should it let this process go on, they are started again.

    Raises InvalidInput: one of them did, or there are fewer GPUs than processes. RuntimeError: one was killed or
    failed otherwise.
    """
    _check_devices(processes)
    interruption = Interruption()
    with interruption if resumable else nullcontext():
        while True:
            with tempfile.TemporaryDirectory(prefix="vidrank-training-") as folder:
                result = _attempt(work, arguments, processes, Path(folder), interruption)
            if result is not None:
                return result
            while interruption.pending:
                interruption.deliver(interruption.pending)


def _check_devices(processes: int) -> None:
    import torch

    if torch.cuda.is_available() and torch.cuda.device_count() < processes:
        raise InvalidInput(
            f"each process of a training must have a GPU of its own; found {torch.cuda.device_count()} for {processes} "
            "processes. Lower processes, or hide the GPUs with CUDA_VISIBLE_DEVICES= to train on the CPU."
        )


def _attempt(
    work: Work, arguments: tuple[Any, ...], processes: int, folder: Path, interruption: Interruption
) -> Mapping[str, Any] | None:
    """The result; None where a signal that is pending now kept the processes from it."""
    import torch
    from torch.multiprocessing.spawn import ProcessException, start_processes

    started: Any = start_processes(  # type: ignore[no-untyped-call]
        _process, (work, arguments, processes, folder), nprocs=processes, join=False, start_method="spawn"
    )
    passed_on = False
    fault: ProcessException | None = None
    try:
        while not started.join(timeout=_SECONDS_BETWEEN_LOOKS, grace_period=_SECONDS_OF_GRACE):
            if interruption.pending and not passed_on:
                passed_on = True
                _terminate(started.processes)
    except ProcessException as found:
        fault = found
    finally:
        _terminate(started.processes)
    if (folder / _RESULT).is_file():
        result: Mapping[str, Any] = torch.load(folder / _RESULT, weights_only=True)
        return result
    for refusal in sorted(folder.glob("refused-*")):
        raise InvalidInput(refusal.read_text())
    if interruption.pending:
        return None
    raise RuntimeError(f"all {processes} processes of a training must end well; found: {fault}") from fault


def _terminate(processes: Iterable[Any]) -> None:
    for process in processes:
        process.terminate()


def _process(rank: int, work: Work, arguments: tuple[Any, ...], processes: int, folder: Path) -> None:
    import torch
    from torch import distributed

    cuda = torch.cuda.is_available()
    places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    os.environ.update({name: str(number) for name, number in places.items()})
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // processes)))
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    meeting = f"file://{folder / 'meeting'}"
    distributed.init_process_group("nccl" if cuda else "gloo", init_method=meeting, rank=rank, world_size=processes)
    try:
        result = work(*arguments)
    except InvalidInput as fault:
        (folder / f"refused-{rank}").write_text(str(fault))
        sys.exit(1)
    if rank == 0:
        torch.save(result, folder / "writing")
        (folder / "writing").rename(folder / _RESULT)
    distributed.destroy_process_group()
