"""Times that can be believed: stages, frame rates, pacing and the report.

All times are seconds on the monotonic clock. A frame rate is (n - 1) / (last - first) over frames that were really
different. Memory stays the same however long a program runs: percentiles come from histograms.
"""

import math
import time
from array import array
from collections import deque
from typing import Callable, Deque, Dict, Optional, Sequence, Tuple

Now = Callable[[], float]

STAGES = ("capture", "preprocess", "infer", "postprocess", "draw", "sink", "wait")
WARM_UP_FRAMES = 3  # first frames of a run, which fill caches and start threads: not counted in rates and times
SCREEN_WINDOW = 2.0  # seconds over which the rate and times on the screen are taken


class Histogram:
    """Distribution of durations in constant memory, from 1 microsecond to 1000 s.

    Buckets grow by 1 %, so a percentile is within 0.5 % of the true value. The mean is exact.
    """

    _LOWEST = 1e-6
    _GROWTH = math.log(1.01)
    _BUCKETS = int(math.log(1e9) / _GROWTH) + 1

    def __init__(self) -> None:
        self._counts = array("L", [0]) * self._BUCKETS
        self.count = 0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; those out of range go to the first or last bucket."""
        bucket = int(math.log(max(seconds, self._LOWEST) / self._LOWEST) / self._GROWTH)
        self._counts[min(bucket, self._BUCKETS - 1)] += 1
        self.count += 1
        self.total += seconds

    def mean(self) -> Optional[float]:
        """Mean duration in seconds, None when there is none."""
        return self.total / self.count if self.count else None

    def percentile(self, percent: float) -> Optional[float]:
        """The least duration that `percent` of all do not exceed, None when there is none."""
        wanted = math.ceil(self.count * percent / 100)
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return self._LOWEST * math.exp((bucket + 0.5) * self._GROWTH)
        return None


class StageClock:
    """Measures the stages of a frame: `with clock("infer"): ...`. `seconds` holds the last time of each stage."""

    def __init__(self, now: Now = time.monotonic) -> None:
        self.seconds: Dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._stages = {stage: _Stage(stage, self.seconds, now) for stage in STAGES}

    def __call__(self, stage: str) -> "_Stage":
        return self._stages[stage]


class _Stage:
    """A class, because contextlib's generators take several times as long, seven times a frame."""

    def __init__(self, name: str, seconds: Dict[str, float], now: Now) -> None:
        self._name = name
        self._seconds = seconds
        self._now = now
        self._start = 0.0

    def __enter__(self) -> None:
        self._start = self._now()

    def __exit__(self, *exception: object) -> None:
        self._seconds[self._name] = self._now() - self._start


class Pacer:
    """Keeps a rate by waiting for deadlines, so that time spent working is not added to the period.

    A frame that is late by less than a period leaves the later deadlines where they are, so that the rate holds. One
    that is later moves them: the time is lost, and no burst of frames makes up for it.
    """

    _SLICE = 0.05  # longest sleep, so that a request to stop is seen soon

    def __init__(
        self, fps: Optional[float], now: Now = time.monotonic, sleep: Callable[[float], None] = time.sleep
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


class Timing:
    """The rates of a run: fed once per frame, asked by the overlay and by the report."""

    def __init__(self, configured_fps: Optional[float] = None, now: Now = time.monotonic) -> None:
        self.clock = StageClock(now)
        self.configured_fps = configured_fps
        self.frames = 0
        self.dropped = 0
        self.now = now
        self._began = now()
        self._recent: Deque[Tuple[float, ...]] = deque()  # per frame: when it was done, and the seconds of each stage
        self._first = self._last = self._began
        self._timed = 0
        self._forget()

    def _forget(self) -> None:
        self._stages = {stage: Histogram() for stage in STAGES}
        self._latency = Histogram()

    def frame_done(self, index: int, captured_at: float) -> None:
        """Count a frame whose last sink has returned. `index` is its number among all captured frames."""
        now = self.now()
        if self.frames == WARM_UP_FRAMES:  # the first warm frame: forget the cold ones, all a shorter run would have
            self._forget()
            self._first, self._timed = self._last, 1
        if self.frames == 0:
            self._first = now
        self.frames += 1
        self.dropped = index + 1 - self.frames
        self._timed += 1
        self._last = now
        for stage, seconds in self.clock.seconds.items():
            self._stages[stage].add(seconds)
        self._latency.add(now - captured_at)
        self._recent.append((now,) + tuple(self.clock.seconds.values()))
        while now - self._recent[0][0] > SCREEN_WINDOW and len(self._recent) > 2:
            self._recent.popleft()

    @property
    def real_fps(self) -> Optional[float]:
        """Unique frames per second over the whole run but its warm-up, None for fewer than two."""
        return _rate(self._timed, self._last - self._first)

    @property
    def current_fps(self) -> Optional[float]:
        """Unique frames per second over the last seconds, None before the second frame."""
        return _rate(len(self._recent), self._recent[-1][0] - self._recent[0][0]) if self._recent else None

    def current_stages(self) -> Dict[str, float]:
        """Mean seconds of each stage over the same frames; zeros before the first."""
        sums = [sum(column) for column in zip(*self._recent)][1:] or [0.0] * len(STAGES)
        return {stage: total / max(1, len(self._recent)) for stage, total in zip(self.clock.seconds, sums)}

    def report(self) -> Dict[str, object]:
        """The part of the report that is about time. Durations in milliseconds but for `duration_s`."""
        return {
            "frames": self.frames,
            "duration_s": round(self._last - self._began, 3),
            "fps": {"configured": self.configured_fps, "real": _rounded(self.real_fps)},
            "dropped": self.dropped,
            "stages_ms": {stage: _summary(h, (50, 95, 99), mean=True) for stage, h in self._stages.items()},
            "latency_ms": _summary(self._latency, (50, 95, 99)),
        }


def _rate(frames: int, seconds: float) -> Optional[float]:
    return (frames - 1) / seconds if frames > 1 and seconds > 0 else None


def _summary(histogram: Histogram, percentiles: Sequence[int], mean: bool = False) -> Dict[str, Optional[float]]:
    summary = {"mean": _rounded(histogram.mean(), 1000)} if mean else {}
    summary.update({"p{}".format(p): _rounded(histogram.percentile(p), 1000) for p in percentiles})
    return summary


def _rounded(value: Optional[float], factor: float = 1) -> Optional[float]:
    return None if value is None else round(value * factor, 3)
