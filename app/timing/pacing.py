"""Keeps the loop at a configured rate."""

import time
from typing import Callable, Optional

from app.timing import Now


class Pacer:
    """Keeps a rate by waiting for deadlines, so that working time is not added to the period.

    A frame that is late by less than a period leaves later deadlines as they are, so the rate holds. A longer delay
    moves them: that time is lost, and no burst of frames makes up for it.
    """

    _SLICE = 0.05  # longest sleep, so that a request to stop is seen soon

    def __init__(
        self, fps: Optional[float], *, now: Now = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """fps: None for as fast as possible."""
        self._period = 1 / fps if fps else 0.0
        self._now = now
        self._sleep = sleep
        self._deadline: Optional[float] = None

    def wait(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Return when the next frame is due, or when `stopped` says so."""
        if not self._period:
            return
        now = self._now()
        if self._deadline is None or now - self._deadline > self._period:
            self._deadline = now
        while now < self._deadline and not stopped():
            self._sleep(min(self._deadline - now, self._SLICE))
            now = self._now()
        self._deadline += self._period
