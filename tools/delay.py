"""The pacing of the loops that one usually finds, to be measured beside deadlines (`app/timing/pacing.py`)."""

import time
from typing import Callable

from app.timing.pacing import Pacer

SLICE = 0.05  # longest sleep in seconds, so that a request to stop is seen soon


class DelayPacer(Pacer):
    """Sleeps for one period of the rate after each frame's work, whatever the work took: configured FPS = 1 / delay.

    The original report's loop. Its real rate is 1 / (work + delay), and so always below the configured one.
    """

    def __init__(self, fps: float) -> None:
        super().__init__(fps)
        self._first = True

    def wait(self, stopped: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + (0.0 if self._first else self._period)
        self._first = False
        left = end - time.monotonic()
        while left > 0 and not stopped():
            time.sleep(min(left, SLICE))
            left = end - time.monotonic()


def predicted_fps(fps: float, work: float) -> float:
    """The report's formula: the real rate of a delay of 1 / fps after each frame's work, which takes `work` seconds."""
    return 1 / (work + 1 / fps)
