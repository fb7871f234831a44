"""What a frame's times are, and the rates, latencies and stage times of a run.

All times are seconds on the monotonic clock. A frame rate is (n - 1) / (last - first) over frames that really differ.
Memory stays constant however long a program runs: percentiles come from histograms.
"""

import math
import threading
import time
from collections import deque
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

from app.timing.histogram import Histogram

Now = Callable[[], float]

STAGES = ("capture", "preprocess", "infer", "postprocess", "draw", "sink", "wait")
INFERENCE = ("preprocess", "infer")  # those that only inferred frames go through
WARM_UP_FRAMES = 3  # first frames of a run, which fill caches and start threads: left out of rates and times
SCREEN_WINDOW = 3.0  # seconds over which the rates and times on the screen are averaged
MISSED = 4  # periods without a frame after which a slow camera is silent


class FrameTimes:
    """The times of one frame. It travels with the frame from thread to thread: `with times.stage("infer"): ...`.

    A stage that a frame does not go through is not in `seconds`, see `skip_inference`.

    index: number of the frame among all captured ones. captured_at: when it was captured. seconds: what each stage
    took. processed_at: when its detections were known and the quick sinks had them. delivered_at: when the last of its
    sinks had it, else None.
    """

    __slots__ = ("index", "captured_at", "seconds", "processed_at", "delivered_at", "_now")

    def __init__(self, index: int, captured_at: float, now: Now = time.monotonic) -> None:
        self.index = index
        self.captured_at = captured_at
        self.seconds: Dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self.processed_at = 0.0
        self.delivered_at: Optional[float] = None
        self._now = now

    def skip_inference(self) -> None:
        """Note that this frame is not inferred: the times of that stage are those of the other frames."""
        for stage in INFERENCE:
            del self.seconds[stage]

    @property
    def inferred(self) -> bool:
        """Whether the frame was, or will be, inferred."""
        return "infer" in self.seconds

    def stage(self, name: str, *, second_part: bool = False) -> "_Stage":
        """A context manager that measures one of `STAGES`. second_part: add to what the first part of it took."""
        return _Stage(name, self.seconds, self._now, self.seconds[name] if second_part else 0.0)


class _Stage:
    """A class, because contextlib's generators take several times as long, seven times a frame."""

    __slots__ = ("_name", "_seconds", "_now", "_before", "_start")

    def __init__(self, name: str, seconds: Dict[str, float], now: Now, before: float) -> None:
        self._name = name
        self._before = before
        self._seconds = seconds
        self._now = now

    def __enter__(self) -> None:
        self._start = self._now()

    def __exit__(self, *exception: object) -> None:
        self._seconds[self._name] = self._before + self._now() - self._start


class _Processed(NamedTuple):
    """What a rate needs to know of a frame."""

    at: float
    number: int
    captured_at: float


class Timing:
    """The rates and times of a run, from its frames' times. Several threads may use it.

    live: whether the source is a camera, whose own frame rate is worth showing.
    """

    def __init__(
        self, configured_fps: Optional[float] = None, *, live: bool = False, now: Now = time.monotonic
    ) -> None:
        self.configured_fps = configured_fps
        self.live = live
        self.now = now
        self.frames = 0
        self.dropped = 0  # captured, but never processed
        self.skipped = 0  # processed, but not inferred
        self.sink_dropped = 0  # processed, but skipped by a sink that was too slow; counted once per sink
        self.dropped_by: Dict[str, int] = {}  # the same, by the name of the sink's class
        self._began = now()
        self._lock = threading.Lock()
        self._first = self._last = _Processed(self._began, 0, self._began)
        self._timed = 0
        self._recent: Deque[_Processed] = deque()
        self._pending: List[FrameTimes] = []  # counted, but still on their way to a slow sink
        self._delivered: Deque[Tuple[float, float, Dict[str, float]]] = deque()  # when, latency, and FrameTimes.seconds
        self._reset_histograms()

    def _reset_histograms(self) -> None:
        self._stages = {stage: Histogram() for stage in STAGES}
        self._latency = Histogram()

    def add(self, times: FrameTimes) -> None:
        """Count a frame that has been processed. Its stages and latency are read once it has been delivered."""
        with self._lock:
            processed = _Processed(times.processed_at, times.index, times.captured_at)
            if self.frames == WARM_UP_FRAMES:  # the first warm one: forget the cold ones, all a shorter run would have
                self._collect()
                self._reset_histograms()
                self._pending = []
                self._first, self._timed = self._last, 1
            if self.frames == 0:
                self._first = processed
            self.frames += 1
            self.skipped += not times.inferred
            self.dropped = times.index + 1 - self.frames
            self._timed += 1
            self._last = processed
            self._recent.append(processed)
            while processed.at - self._recent[0].at > SCREEN_WINDOW and len(self._recent) > 2:
                self._recent.popleft()
            self._pending.append(times)
            self._collect()

    def _collect(self) -> None:
        """Add the stages and latencies of the frames that have reached their last sink since."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        for times in pending:
            at = times.delivered_at
            if at is None:
                self._pending.append(times)
                continue
            for stage, seconds in times.seconds.items():
                self._stages[stage].add(seconds)
            self._latency.add(at - times.captured_at)
            self._delivered.append((at, at - times.captured_at, times.seconds))
            while at - self._delivered[0][0] > SCREEN_WINDOW and len(self._delivered) > 2:
                self._delivered.popleft()

    def sink_skipped(self, sink: str, frames: int = 1) -> None:
        """Count frames that a slow sink did not take. sink: the name of its class."""
        with self._lock:
            self.sink_dropped += frames
            self.dropped_by[sink] = self.dropped_by.get(sink, 0) + frames

    @property
    def real_fps(self) -> Optional[float]:
        """Unique frames per second over the whole run but its warm-up, None for fewer than two."""
        return _rate(self._timed - 1, self._last.at - self._first.at)

    @property
    def capture_fps(self) -> Optional[float]:
        """Frames per second that the source delivered, dropped ones included, over the same time."""
        return _rate(self._last.number - self._first.number, self._last.captured_at - self._first.captured_at)

    @property
    def current_fps(self) -> Optional[float]:
        """Unique frames per second over the last seconds, None before the second frame."""
        with self._lock:
            return _rate(len(self._recent) - 1, self._recent[-1].at - self._recent[0].at) if self._recent else None

    @property
    def current_capture_fps(self) -> Optional[float]:
        """Frames per second that the source delivered over the last seconds, None before the second frame."""
        with self._lock:
            if not self._recent:
                return None
            first, last = self._recent[0], self._recent[-1]
            return _rate(last.number - first.number, last.captured_at - first.captured_at)

    @property
    def silent(self) -> bool:
        """Whether the last frame is so long ago that the rates of the last seconds are no longer true."""
        with self._lock:
            if not self._recent:
                return False
            period = (self._recent[-1].at - self._recent[0].at) / max(1, len(self._recent) - 1)
            return self.now() - self._recent[-1].at > max(SCREEN_WINDOW, MISSED * period)

    @property
    def seconds_seen(self) -> float:
        """Seconds from the first frame to the last one."""
        return self._last.at - self._first.at

    def current_stages(self) -> Dict[str, float]:
        """Mean seconds of each stage over the last seconds, of the frames that went through it; else zeros."""
        with self._lock:
            self._collect()
            recent = [row[2] for row in self._delivered]
        times = {stage: [seconds[stage] for seconds in recent if stage in seconds] for stage in STAGES}
        return {stage: sum(seconds) / max(1, len(seconds)) for stage, seconds in times.items()}

    @property
    def current_skipped(self) -> float:
        """The share of the frames of the last seconds that were not inferred; 0 before the first frame."""
        with self._lock:
            self._collect()
            skipped = sum("infer" not in row[2] for row in self._delivered)
            return skipped / max(1, len(self._delivered))

    def current_latency(self, percent: float) -> Optional[float]:
        """The latency in seconds, from capture to the last sink, that `percent` of the recent frames do not exceed."""
        with self._lock:
            self._collect()
            latencies = sorted(row[1] for row in self._delivered)
        return latencies[max(0, math.ceil(len(latencies) * percent / 100) - 1)] if latencies else None

    def measured(self) -> "Measured":
        """What has been measured so far."""
        with self._lock:
            self._collect()
            return Measured(
                self.frames,
                self.dropped,
                self.skipped,
                self.sink_dropped,
                self.configured_fps,
                self.capture_fps,
                self._timed,
                (self._began, self._first.at, self._last.at),
                self._stages,
                self._latency,
            )

    def report(self) -> Dict[str, object]:
        """The part of the report that is about time. Durations are in milliseconds, except `duration_s`."""
        return report([self.measured()])


class Measured(NamedTuple):
    """The figures of a run, of one camera. timed: frames in `real_fps`. span: its beginning, first and last frame."""

    frames: int
    dropped: int
    skipped: int
    sink_dropped: int
    configured_fps: Optional[float]
    capture_fps: Optional[float]
    timed: int
    span: Tuple[float, float, float]
    stages: Dict[str, Histogram]
    latency: Histogram


def report(cameras: Sequence[Measured]) -> Dict[str, object]:
    """The part of the report that is about time, of one camera or of several together.

    Rates of several are added up; the real one is that of all frames from the first to the last. Durations are in
    milliseconds, except `duration_s`.
    """
    seen = [camera for camera in cameras if camera.frames] or list(cameras)[:1]
    began, first, last = (pick(column) for pick, column in zip((min, min, max), zip(*(one.span for one in seen))))
    merged = {stage: _merged([camera.stages[stage] for camera in seen]) for stage in STAGES}
    latency = _merged([camera.latency for camera in seen])
    real = _rate(sum(camera.timed for camera in seen) - 1, last - first)
    return {
        "frames": sum(camera.frames for camera in cameras),
        "duration_s": round(last - began, 3),
        "fps": {
            "configured": _sum([camera.configured_fps for camera in cameras]),
            "real": _rounded(real),
            "capture": _rounded(_sum([camera.capture_fps for camera in seen])),
        },
        "dropped": sum(camera.dropped for camera in cameras),
        "sink_dropped": sum(camera.sink_dropped for camera in cameras),
        "stages_ms": {stage: _summary(merged[stage], (50, 95, 99), mean=True) for stage in STAGES},
        "latency_ms": _summary(latency, (50, 95, 99)),
    }


def _merged(histograms: Sequence[Histogram]) -> Histogram:
    if len(histograms) == 1:
        return histograms[0]
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram)
    return merged


def _sum(values: Sequence[Optional[float]]) -> Optional[float]:
    """The sum, None where one of them is missing."""
    return None if None in values else sum(value for value in values if value is not None)


def _rate(intervals: int, seconds: float) -> Optional[float]:
    return intervals / seconds if intervals > 0 and seconds > 0 else None


def _summary(histogram: Histogram, percentiles: Sequence[int], mean: bool = False) -> Dict[str, Optional[float]]:
    summary = {"mean": _rounded(histogram.mean(), 1000)} if mean else {}
    summary.update({f"p{p}": _rounded(histogram.percentile(p), 1000) for p in percentiles})
    return summary


def _rounded(value: Optional[float], factor: float = 1) -> Optional[float]:
    return None if value is None else round(value * factor, 3)
