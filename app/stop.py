"""A request to stop: from Ctrl-C, from SIGTERM, or from a closed window."""

import signal
from typing import Any, Dict


class Stop:
    """A context manager. Inside it the first SIGINT or SIGTERM only sets `requested`; a second one interrupts."""

    def __init__(self) -> None:
        self.requested = False
        self._signalled = False
        self._previous: Dict[int, Any] = {}

    def request(self) -> None:
        """Ask the loop to end after the frame in hand."""
        self.requested = True

    def __enter__(self) -> "Stop":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, stack: Any) -> None:
        if self._signalled:
            raise KeyboardInterrupt
        self._signalled = True
        self.request()
