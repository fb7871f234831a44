"""Time that never goes back, whatever the stamps of the frames do."""

import math


class Clock:
    """Turns the frames' times, in seconds, into one that only goes forward.

    A stamp that is earlier than the one before it (frames out of order, a film that starts again, a clock that was
    set) counts as no time passed, and time goes on from there. So does one that is no number.
    """

    def __init__(self) -> None:
        self._last = float("-inf")
        self._offset = 0.0

    def __call__(self, time: float) -> float:
        if not math.isfinite(time):
            time = self._last if math.isfinite(self._last) else 0.0
        if time < self._last:
            self._offset += self._last - time
        self._last = time
        return time + self._offset
