"""Figures that are fit to be published: counts that do not flicker, and rates."""

from typing import Dict, Optional

UNSEEN = 1.0  # seconds after which a thing that is not detected no longer counts: detectors miss one now and then
PERIOD = 10.0  # seconds between two sets of rates


class Count:
    """A number that rises at once, and falls when it has been lower for `UNSEEN` seconds."""

    def __init__(self) -> None:
        self._shown = 0
        self._since: Optional[float] = None  # when it became lower
        self._most = 0  # since then

    def see(self, count: int, now: float) -> int:
        """The number to show, now that there are `count`."""
        if count >= self._shown:
            self._shown, self._since = count, None
        elif self._since is None:
            self._since, self._most = now, count
        else:
            self._most = max(self._most, count)
            if now - self._since >= UNSEEN:
                self._shown, self._since = self._most, None
        return self._shown


class Rate:
    """How fast frames come, and how old they are when they do."""

    def __init__(self, now: float) -> None:
        self._start(now)

    def _start(self, now: float) -> None:
        self._began = now
        self._first = self._last = 0.0
        self._frames = 0
        self._latency = 0.0

    def see(self, captured_at: float, now: float) -> Dict[str, float]:
        """Note a frame; the figures, when it is time for them."""
        self._first, self._last = self._first if self._frames else captured_at, captured_at
        self._frames += 1
        self._latency += now - captured_at
        if now - self._began < PERIOD or self._frames < 2 or self._last <= self._first:
            return {}
        fps = (self._frames - 1) / (self._last - self._first)
        found = {"fps": round(fps, 1), "latency_ms": round(1000 * self._latency / self._frames)}
        self._start(now)
        return found
