"""Live cameras through one model, for as long as a script says, and what can be counted of them afterwards."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Callable, Generator, List, NamedTuple, Optional, Sequence

import numpy as np

from app.backends import Backend
from app.detections import Detections
from app.detector import Detector
from app.errors import SourceError
from app.frame import Frame
from app.loop.channel import Channel
from app.loop.workers import Choice
from app.modelcard import ModelCard
from app.pipeline import Pipeline
from app.sinks import Sink
from app.sources.camera import FIRST_LIMIT, Camera
from app.sources.capture import Device
from app.stop import Stop
from tools.bench.rivals import CONFIDENCE, OVERLAP, opencv_threads
from tools.json_file import Json

SETTLING = 1.0  # seconds after the first frames that do not count
POLL = 0.05


class Seen(NamedTuple):
    """A frame. at: when it was done, in seconds on the monotonic clock. age: how long before it was captured."""

    at: float
    age: float


class Watch(Sink):
    """Notes when each frame was done, and how old it was then."""

    def __init__(self) -> None:
        self.seen: List[Seen] = []

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = time.monotonic()
        self.seen.append(Seen(now, now - frame.captured_at))


class Window(NamedTuple):
    """The time that counts, in seconds on the monotonic clock."""

    begin: float
    end: float


# Yields how many seconds to wait next; returns the time that counts.
Script = Generator[float, None, Window]


class Take(NamedTuple):
    """What a filming gave: the frames of each camera within the window, of one at least, and the report of the run."""

    seen: List[List[Seen]]
    window: Window
    report: Json

    @property
    def counts(self) -> List[int]:
        """Frames of each camera."""
        return [len(camera) for camera in self.seen]

    @property
    def rate(self) -> float:
        """Frames per second of all cameras together."""
        return sum(self.counts) / (self.window.end - self.window.begin)

    def shares(self, fps: float) -> List[float]:
        """For each camera the frames that were done, of those that were due at this rate."""
        return [share(camera, self.window, fps) for camera in self.seen]

    def age(self, percent: float) -> float:
        """Seconds that the age of so many percent of the frames does not exceed."""
        return float(np.percentile([one.age for camera in self.seen for one in camera], percent))


def share(seen: Sequence[Seen], window: Window, fps: float) -> float:
    """The part of a camera's due frames that were done.

    By the time from the first frame to the last one, since a window does not begin and end with a frame. What there is
    beyond an interval before the first and after the last counts as frames that are missing.
    """
    if len(seen) < 2:
        return 0.0
    first, last = seen[0].at, seen[-1].at
    missing = max(0.0, first - window.begin - 1 / fps) + max(0.0, window.end - last - 1 / fps)
    return (len(seen) - 1) / ((last - first + missing) * fps)


def jain(counts: Sequence[int]) -> float:
    """Jain's index of fairness: 1 where all have the same, 1 / n where one of n has everything; 0 without anything.

    Jain, Chiu and Hawe, A Quantitative Measure of Fairness and Discrimination, DEC-TR-301, 1984.
    """
    total = sum(counts)
    return total**2 / (len(counts) * sum(count**2 for count in counts)) if total else 0.0


def film(
    devices: Sequence[Device],
    backend: Backend,
    card: ModelCard,
    size: int,
    script: Callable[[Sequence[Watch]], Script],
    choice: Optional[Choice] = None,
) -> Take:
    """Film with all devices at once, through one model, with overlay, until the script ends.

    script: called with what watches each camera; runs in a thread beside the loop. choice: of the number of workers,
    if it may change. Raises what the script raises, and SourceError where a camera breaks, or none has a frame in time.
    """
    stop, over = Stop(), threading.Event()
    watches = [Watch() for _ in devices]
    with opencv_threads(1), ExitStack() as stack:
        channels = []
        for number, (device, watch) in enumerate(zip(devices, watches)):
            detector = Detector(backend, card, size=size, confidence=CONFIDENCE, iou=OVERLAP, adapt=True)
            source = stack.enter_context(Camera(device))
            channels.append(Channel(source, detector, name=f"cam{number}", sinks=[watch]))
        pipeline = Pipeline(channels, stop=stop, choice=choice)
        playing = stack.enter_context(ThreadPoolExecutor(1)).submit(_play, script(watches), over)
        playing.add_done_callback(lambda _: stop.request())
        try:
            pipeline.run()
        finally:
            over.set()
    window = playing.result()
    if window is None:
        raise SourceError("the cameras ended before the measurement did")
    seen = [[one for one in watch.seen if window.begin <= one.at <= window.end] for watch in watches]
    if not any(seen):
        raise SourceError("no frame was done within the turn; choose a longer one: --seconds 10")
    return Take(seen, window, pipeline.report())


def _play(script: Script, over: threading.Event) -> Optional[Window]:
    """Run a script to its end; None if the filming was over before."""
    try:
        while not over.wait(next(script)):
            pass
    except StopIteration as ended:
        window: Window = ended.value
        return window
    finally:
        script.close()
    return None


def steady(watches: Sequence[Watch], seconds: float, settling: float = SETTLING) -> Script:
    """A script: so many seconds count, after some for the cameras to begin."""
    begin = yield from settled(watches, settling)
    yield seconds
    return Window(begin, time.monotonic())


def settled(watches: Sequence[Watch], settling: float = SETTLING) -> Generator[float, None, float]:
    """The beginning of a script: until all cameras have delivered, and some seconds more. When that was."""
    yield from until(lambda: all(watch.seen for watch in watches), FIRST_LIMIT, "a camera delivered no frame")
    yield settling
    return time.monotonic()


def until(reached: Callable[[], bool], seconds: float, failure: str) -> Generator[float, None, None]:
    """A part of a script: wait for something. Raises SourceError if it is not reached within so many seconds."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise SourceError(f"{failure} within {seconds:g} s")
        yield POLL
