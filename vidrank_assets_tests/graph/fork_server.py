"""Work in forks of one process that has imported everything, because imports take seconds; any of them can be killed.

Polars is imported there and not used, so that none of its pools has threads that a fork would lack. Of an order, a line
of JSON on stdin, it tells `pid <n>`, whatever the work tells, and `ended <status>`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psutil

KILLED, ENDED = -9, 0
#: Where a server tells what happens: Dagster keeps what a step writes to stdout for itself.
_TOLD = os.dup(1)


def tell(line: str) -> None:
    os.write(_TOLD, f"{line}\n".encode())


def serve(work: Callable[..., None]) -> None:
    """Do the work of each order in a fork, until stdin ends; what an order holds are the arguments."""
    _assert_a_fork_lacks_nothing()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                work(**json.loads(line))
                os._exit(0)
            except BaseException as fault:
                print(f"{fault!r:.2000}", file=sys.stderr, flush=True)
                os._exit(1)
        tell(f"pid {child}")
        tell(f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")


def _assert_a_fork_lacks_nothing() -> None:
    """Raise AssertionError if Polars has begun to work: a fork would wait for its threads for ever."""
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").glob("*")]
    assert not [name for name in names if name.startswith("polars-") and name[7:].isdigit()], (
        "nothing that is imported may compute with Polars, such as a frame that is selected from in a default; "
        f"its threads are there: {names}"
    )


class Server:
    """A module beside this one that calls `serve`, as a process."""

    def __init__(self, module: str, environment: Mapping[str, str], *, cwd: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"vidrank_assets_tests.graph.{module}"],
            cwd=cwd,
            env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def started(self, order: Mapping[str, Any]) -> tuple[psutil.Process, Iterator[str]]:
        """The process that does the work, and what is told of it until it has ended."""
        self._process.stdin.write(json.dumps(order) + "\n")
        return psutil.Process(int(self._line().split()[1])), self._told()

    def _told(self) -> Iterator[str]:
        line = ""
        while not line.startswith("ended"):
            yield (line := self._line())

    def _line(self) -> str:
        line = self._process.stdout.readline()
        assert line, "the server ended"
        return line.strip()
