"""The rates of all cameras of a run together, for those who show one line."""

import time
from typing import Callable, List, Optional, Sequence

from app.timing import Now, Timing


class Total:
    """Has what is shown of a `Timing`: rates are added up, and the latency is that of the slowest camera.

    A camera that delivers nothing any more has the rate 0, and no latency.
    """

    def __init__(self, timings: Sequence[Timing], now: Now = time.monotonic) -> None:
        """timings: of the cameras; more may be appended during the run."""
        self._timings = timings
        self._over: List[Timing] = []
        self.now = now

    def leave_out(self, timing: Timing) -> None:
        """Count the frames of a camera that is removed, but no longer its rates."""
        self._over.append(timing)

    @property
    def _running(self) -> List[Timing]:
        return [timing for timing in self._timings if timing not in self._over]

    @property
    def live(self) -> bool:
        """Whether one of them is a camera."""
        return any(timing.live for timing in self._running)

    @property
    def frames(self) -> int:
        """Frames processed so far."""
        return sum(timing.frames for timing in self._timings)

    @property
    def dropped(self) -> int:
        """Frames that were captured, but never processed."""
        return sum(timing.dropped for timing in self._timings)

    @property
    def skipped(self) -> int:
        """Frames that were processed, but not inferred."""
        return sum(timing.skipped for timing in self._timings)

    @property
    def current_skipped(self) -> float:
        """The share of the frames of the last seconds that were not inferred."""
        rates = [(timing.current_fps or 0.0, timing.current_skipped) for timing in self._running if not timing.silent]
        return sum(rate * share for rate, share in rates) / (sum(rate for rate, _ in rates) or 1.0)

    @property
    def configured_fps(self) -> Optional[float]:
        """The rate to keep, None if a camera has none."""
        rates = [timing.configured_fps for timing in self._running]
        return None if None in rates else sum(rate for rate in rates if rate)

    @property
    def current_fps(self) -> Optional[float]:
        """Frames per second over the last seconds, None before the second frame of a camera."""
        return self._sum(lambda timing: timing.current_fps)

    @property
    def current_capture_fps(self) -> Optional[float]:
        """Frames per second that the cameras delivered over the last seconds."""
        return self._sum(lambda timing: timing.current_capture_fps)

    def current_latency(self, percent: float) -> Optional[float]:
        """Seconds from capture to the last sink that `percent` of the recent frames of each camera do not exceed."""
        latencies = [timing.current_latency(percent) for timing in self._running if not timing.silent]
        return max((latency for latency in latencies if latency is not None), default=None)

    def _sum(self, rate: Callable[[Timing], Optional[float]]) -> Optional[float]:
        rates = [0.0 if timing.silent else rate(timing) for timing in self._running]
        known = [one for one in rates if one is not None]
        return sum(known) if known else None
