"""Requests to the loop: stop, by Ctrl-C, SIGTERM or a closed window; reopen its files, by SIGHUP."""

import os
import signal
from typing import Any, Dict


class Stop:
    """A context manager: the first SIGINT or SIGTERM sets `requested`, the second raises KeyboardInterrupt.

    SIGHUP requests that outputs be reopened. Where the terminal has gone, as at the end of an SSH session, it requests
    a stop instead. Where SIGHUP is ignored, as under nohup, it stays ignored.
    """

    def __init__(self) -> None:
        self.requested = False
        self._signalled = False
        self._hangup = False
        self._had_terminal = _has_terminal()
        self._previous: Dict[int, Any] = {}

    def request(self) -> None:
        """Ask the loop to end after the current frame."""
        self.requested = True

    def take_hangup(self) -> bool:
        """Whether a SIGHUP has arrived since the last call."""
        if not self._hangup:
            return False
        self._hangup = False
        return True

    def __enter__(self) -> "Stop":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._on_signal)
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            self._previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._on_hangup)
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, stack: Any) -> None:
        if self._signalled:
            raise KeyboardInterrupt
        self._signalled = True
        self.request()

    def _on_hangup(self, number: int, stack: Any) -> None:
        if self._had_terminal and not _has_terminal():
            self.request()
        else:
            self._hangup = True


def _has_terminal() -> bool:
    """Whether this process has a controlling terminal that has not hung up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
        return True
    except OSError:
        return False
