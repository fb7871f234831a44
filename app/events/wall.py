"""The time of day of frames, which never goes back and never makes anything last longer than it did."""

import time
from typing import Callable, NamedTuple

from app.frame import Frame
from app.tracking.clock import Clock

SET = 1.0  # seconds by which a clock that was set differs from one that drifts


class Moment(NamedTuple):
    """When a frame was taken. now: in seconds that only go forward, as fast as the film or the camera does, for
    durations. wall: in seconds since 1970.
    """

    now: float
    wall: float


class Wall:
    """The time of day of a whole run, all cameras together: the monotonic clock and one offset.

    Where the clock is set forward, as on a board that starts without knowing the time, it follows. Where it is set
    back, it goes on as it was: else events would begin before earlier ones.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    @property
    def offset(self) -> float:
        """What is to be added to a time on the monotonic clock."""
        offset = self._wall() - self._monotonic()
        if offset > self._offset + SET:
            self._offset = offset
        return self._offset

    def now(self) -> float:
        """The time of day, in seconds since 1970."""
        return self.offset + self._monotonic()


class CameraClock:
    """The moments of one camera's frames. Those of a film are as far apart as its frames, however fast they come."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._clock = Clock()
        self._began = 0.0  # the time on the monotonic clock at which its frames' time was 0
        self._started = False

    def __call__(self, frame: Frame) -> Moment:
        now = self._clock(frame.time)
        if not self._started:
            self._started = True
            self._began = frame.captured_at - now
        return Moment(now, self._wall.offset + self._began + now)
