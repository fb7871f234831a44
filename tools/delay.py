"""The pacing of the loops that one usually finds, to be measured beside deadlines (`app/timing/pacing.py`)."""

from app.timing.pacing import Pacer


class DelayPacer(Pacer):
    """Waits for one period of the rate after each frame's work, whatever the work took: configured FPS = 1 / delay.

    The original report's loop. Its real rate is 1 / (work + delay), and so always below the configured one. It is for
    one worker, which asks when the next frame is due as soon as it has done the last.
    """

    def __init__(self, fps: float) -> None:
        super().__init__(fps)
        self._first = True

    def due(self, now: float) -> float:
        if self._deadline is None:
            self._deadline = now if self._first else now + self._period
        return self._deadline

    def taken(self, now: float) -> None:
        self._deadline, self._first = None, False


def predicted_fps(fps: float, work: float) -> float:
    """The report's formula: the real rate of a delay of 1 / fps after each frame's work, which takes `work` seconds."""
    return 1 / (work + 1 / fps)
