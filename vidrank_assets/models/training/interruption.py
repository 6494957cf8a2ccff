"""A signal that asks the process to end waits until the work has been brought to safety."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

#: What a service, a terminal and Dagster end a process with.
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """While it is entered, SIGTERM and SIGINT are noted; `deliver` gives them to those who handled them before.

    A service often ends a whole group of processes, and one of them passes the signal on: the same signal then comes
    twice. However often it comes until it is delivered, it is delivered once; another signal waits beside it.

    It works in the main thread, as signals do; in any other one nothing is changed and nothing is ever pending. A
    signal that was ignored stays ignored. What is pending when it is left is delivered then.
    """

    def __init__(self) -> None:
        self._waiting: list[int] = []
        self._before: dict[int, Any] = {}

    @property
    def pending(self) -> int:
        """The number of the signal that has waited longest; 0 where none waits."""
        return self._waiting[0] if self._waiting else 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            found = {number: signal.getsignal(number) for number in _SIGNALS}
            self._before = {
                number: handler for number, handler in found.items() if handler not in (None, signal.SIG_IGN)
            }
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for number in tuple(self._waiting):
                self.deliver(number)
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            left, self._waiting = self._waiting, []
            for number in left:
                signal.raise_signal(number)

    def deliver(self, number: int) -> None:
        """What the signal would have done without us: end the process, raise, or come back here.

        The handler of before is called while signals are still noted: what comes in the meantime waits.
        """
        if number in self._waiting:
            self._waiting.remove(number)
        handler = self._before.get(number)
        if callable(handler):
            handler(number, None)
        elif handler is not None:
            signal.signal(number, handler)
            signal.raise_signal(number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number not in self._waiting:
            self._waiting.append(number)
