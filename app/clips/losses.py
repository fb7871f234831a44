"""Frames that could not be written: counted, and said in one line when that begins and in one when it is over."""

import time
from typing import Callable

from app.errors import say, warn

PERIOD = 60.0  # seconds within which it is said at most once that it begins, however often it does


class Losses:
    """count: frames so far."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._now = now
        self._told = 0  # of them
        self._told_at = float("-inf")
        self._going_on = False

    def add(self, reason: str) -> None:
        """A frame was left out."""
        self.count += 1
        if not self._going_on and self._now() - self._told_at >= PERIOD:
            self._going_on, self._told_at = True, self._now()
            warn(f"{reason}; frames are left out until that has changed")

    def over(self, name: str) -> None:
        """A frame was written."""
        if self._going_on:
            self._going_on = False
            say(f"{name}: recording goes on; {self.count - self._told} frames were left out")
            self._told = self.count

    def close(self, name: str) -> None:
        """Say what was not said yet."""
        if self.count > self._told:
            warn(f"{name}: {self.count - self._told} frames were left out")
            self._told = self.count
        self._going_on = False
