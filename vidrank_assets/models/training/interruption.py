"""A signal that asks the process to end waits until the work has been brought to safety."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

#: What a service, a terminal and Dagster end a process with.
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """While it is entered, SIGTERM and SIGINT are noted; `deliver` gives them to those who handled them before.

    It works in the main thread, as signals do; in any other one nothing is changed and nothing is ever pending. A
    signal that was ignored stays ignored. One that is pending when it is left is delivered then.
    """

    def __init__(self) -> None:
        #: The number of the signal that waits; 0 where there is none.
        self.pending = 0
        self._before: dict[int, Any] = {}

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
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.pending:
            signal.raise_signal(self.pending)

    def deliver(self, number: int) -> None:
        """What the signal would have done without us: end the process, raise, or come back here."""
        self.pending = 0
        if number not in self._before:
            return
        signal.signal(number, self._before[number])
        signal.raise_signal(number)
        signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.pending = number
