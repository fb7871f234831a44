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

    def due(self, now: float) -> float:
        """When the next frame is due; 0 without a rate. Called whenever somebody has time for a frame, which is now."""
        return self._deadline if self._period and self._deadline is not None else 0.0

    def taken(self, now: float) -> None:
        """The frame that was due has been taken."""
        if self._deadline is None or now - self._deadline > self._period:
            self._deadline = now
        self._deadline += self._period

    def wait(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Return when the next frame is due, or when `stopped` says so; it counts as taken."""
        now = self._now()
        due = self.due(now)
        while now < due and not stopped():
            self._sleep(min(due - now, self._SLICE))
            now = self._now()
        self.taken(now)
