"""Who does the work. The threads of a run:

    source's thread        worker 1 .. n                                   sink's thread
    read, decode      ->   take, preprocess, infer, postprocess, draw  ->  write a window or a recording
    one per source         hand on in order, write JSON lines              one per slow sink

Each worker takes a frame and does everything with it that is not input or output, so nothing is passed between threads
in the middle of a frame. Only what needs a camera's frames in order is done by the worker whose frame is next, also for
those that came too early: where something is tracked, or not every frame is inferred, that is tracking and drawing.
The main thread waits for signals, shows outages, and watches the workers. Lines that go to a pipe, and the window of
several cameras, have a thread of their own.

On a CPU one worker may use all cores for its inference (the frame is done sooner), or each core has a worker of its own
(more frames are done, as no core waits for the others after every layer). A GPU has one worker, which does nothing but
infer; then the source's thread preprocesses, and a thread of the output postprocesses and draws.
"""

import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from app.backends import Backend, physical_cores
from app.errors import say, warn
from app.loop.channel import Channel
from app.timing import SCREEN_WINDOW

WORK_LIMIT = 5.0  # seconds for the frames in hand at the end: longer than the slowest network takes
FALLS_BEHIND = 0.95  # of the camera's rate: less, and one worker is not enough


class Workers:
    """Threads that repeat `work` until it returns False. An exception in one ends all.

    failure: the first exception, for the main thread to raise.
    """

    def __init__(self, work: Callable[[], bool]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._threads: List[threading.Thread] = []
        self._running = 0
        self.failure: Optional[BaseException] = None  # the first one

    def add(self, count: int, work: Optional[Callable[[], bool]] = None) -> None:
        """Start so many more. work: what they do, if not the same as the others."""
        for _ in range(count):
            with self._changed:
                self._running += 1
            thread = threading.Thread(target=self._run, args=[work or self._work], name="worker", daemon=True)
            self._threads.append(thread)
            thread.start()

    def __len__(self) -> int:
        return len(self._threads)

    def wait(self, seconds: float) -> bool:
        """Wait for the end, up to so many seconds; whether all have ended, or one has failed."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running or self.failure is not None, seconds)

    def _run(self, work: Callable[[], bool]) -> None:
        try:
            while self.failure is None and work():
                pass
        except BaseException as error:  # raised in the main thread
            self.failure = self.failure or error
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def close(self) -> bool:
        """Wait for the frames in hand, for a limited time; whether all workers have ended.

        A thread ends only after it has freed what is its own, such as a request to a runtime. Python must not end
        before: a runtime that then waits for the interpreter's lock aborts the process.
        """
        deadline = time.monotonic() + WORK_LIMIT
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if not ended:
            warn("a worker did not finish its frame in time; its thread was abandoned")
        return ended


class Choice(NamedTuple):
    """How many workers a run begins with, how many it may change to, and why."""

    first: int
    most: int
    why: str


def choose_workers(asked_for: Optional[int], live: Sequence[bool]) -> Choice:
    """The number of workers for sources of which some are cameras. asked_for: None to decide here."""
    cores = physical_cores()
    if asked_for is not None:
        return Choice(asked_for, asked_for, "as asked for")
    if list(live) == [True]:
        return Choice(1, cores, "one camera, so each frame as soon as possible")
    return Choice(cores, cores, "one per core, for the most frames")


class Growth:
    """Whether a single camera needs more workers than the one it began with. It changes its mind once, and for good.

    One worker, whose inference uses all cores, has each frame done soonest. If it falls behind the camera, or behind
    the configured rate, there will be one worker a core: more frames, each older by at most an inference.
    """

    def __init__(self, channels: Sequence[Channel], backend: Backend, choice: Optional[Choice] = None) -> None:
        """channels: of the cameras that run, which may change.

        choice: what the backend was opened for; by default what it has is what is used.
        """
        first, self._most, self._why = choice or Choice(backend.workers, backend.workers, "as the backend was opened")
        self._channels = channels
        self._backend = backend
        if backend.workers < first:
            self._why += "; but the runtime infers one at a time" if backend.fills_cpu else "; but a GPU has one"

    def more_workers(self) -> int:
        """How many workers to start now. The backend has been told."""
        if self._most <= self._backend.workers or not self._channels:
            return 0
        if len(self._channels) > 1:  # others came at a SIGHUP
            return self._grow("now that there are several cameras")
        timing = self._channels[0].timing
        seen, real, camera = timing.seconds_seen, timing.current_fps, timing.current_capture_fps
        if seen < SCREEN_WINDOW or real is None or camera is None:
            return 0
        wanted = min(camera, timing.configured_fps or camera)
        if real >= FALLS_BEHIND * wanted:
            return 0
        return self._grow(f"since a single one reached {real:.1f} of {wanted:.1f} FPS")

    def _grow(self, why: str) -> int:
        before, most, self._most = self._backend.workers, self._most, 0
        self._backend.share(most)
        more = self._backend.workers - before
        if more:
            self._why = f"one per core, {why}"
            say(f"{self._backend.workers} workers from now on, {why}")
        return more

    def report(self) -> Dict[str, Any]:
        """The report's `workers`: how many, and why."""
        return {"count": self._backend.workers, "why": self._why}
