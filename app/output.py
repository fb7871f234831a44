"""What happens to a frame after inference, while the next one is in the network.

One thread finishes the detections, counts, draws, and writes to the sinks that are quick, in order. Where inference
keeps the whole CPU busy that thread would only be in its way, and the main one does it between two inferences. A sink
that may be slow (a window, a disk) has a thread and a small mailbox of its own: it holds up neither the detection nor
another sink. What it has no time for is skipped and counted, except that a recording of a file gets every frame.
"""

import queue
import threading
import time
from typing import Any, Callable, List, Optional, Sequence

import numpy as np

from app.detector import Detector
from app.errors import warn
from app.frame import Frame
from app.letterbox import Letterbox
from app.overlay import Overlay
from app.sinks import Sink
from app.threads import CLOSE_LIMIT, WAIT, Mailbox, yield_to_inference
from app.timing import Timing
from app.timing.tally import Tally

FRAMES_AHEAD = 2  # frames that inference may be ahead of the output
FILE_CLOSE_LIMIT = 10.0  # seconds to write what still waits, when every frame of a file has to be recorded
HANG_LIMIT = 0.5  # seconds that a sink may make a program wait that is to end
LAST_MOMENT = 0.2  # seconds that a slow sink has to finish even if another has used up the time
IDLE_PERIOD = 0.5  # seconds between two pictures that say that there is none
BLANK = (480, 640, 3)  # what carries that message before the first frame


class Output:
    """A context manager. Owns the sinks: they are closed with it, each in the thread that wrote to it."""

    def __init__(
        self,
        detector: Detector,
        sinks: Sequence[Sink],
        timing: Timing,
        tally: Tally,
        draw: bool,
        live: bool,
        beside: bool = True,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """draw: whether to draw on the frames. live: whether frames may be skipped, since there are always more.
        beside: whether to work in a thread, while the main one infers. stopped: whether the program is to end, and so
        not to wait for a sink that hangs.
        """
        self._detector = detector
        self._timing = timing
        self._tally = tally
        self._draw = draw
        self._overlay = Overlay(detector.card.labels, timing)
        self._quick = [sink for sink in sinks if not sink.waiting]
        self._failures: List[BaseException] = []  # of all threads, raised in the main one, which ends the program
        self._behind = [
            Behind(sink, not live and sink.keeps_all, timing, self._failures, stopped) for sink in sinks if sink.waiting
        ]
        lossless = not live and any(sink.keeps_all for sink in sinks)
        self._join_limit = FILE_CLOSE_LIMIT if lossless else CLOSE_LIMIT
        self._last: np.ndarray = np.full(BLANK, 64, np.uint8)
        self._idle_since = timing.now()
        self._failed = False
        self._beside = beside or any(sink.may_block for sink in self._quick)
        self._stopped = stopped
        self._work: "queue.Queue[Optional[Callable[[], None]]]" = queue.Queue(FRAMES_AHEAD)
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        if self._beside:
            self._thread.start()

    def put(self, frame: Frame, outputs: List[np.ndarray], letterbox: Letterbox) -> None:
        """Take a frame and its heads. Raises what a sink has raised before."""
        if self._beside:  # the backend may use their memory for the next frame, while these are being read
            outputs = [head.copy() for head in outputs]
        self._put(lambda: self._finish(frame, outputs, letterbox))

    def idle(self, outage: str) -> None:
        """Say on the picture, and to the sinks that want to know, that there is no picture and since when."""
        if self._timing.now() - self._idle_since >= IDLE_PERIOD:
            self._idle_since = self._timing.now()
            self._put(lambda: self._show_outage(outage))

    def reopen(self) -> None:
        """Have every sink begin a new file, or go on in the one that now has its name."""
        self._put(self._reopen)

    def _put(self, work: Callable[[], None]) -> None:
        while True:
            if self._failures:
                raise self._failures.pop(0)
            if not self._beside:
                work()
                return
            try:
                self._work.put(work, timeout=HANG_LIMIT if self._stopped() else WAIT)
                return
            except queue.Full:
                if self._stopped():
                    return  # what hangs is told at the end

    def _run(self) -> None:
        for work in iter(self._work.get, None):
            if not self._failed:  # after a failure the rest is only taken off the queue
                try:
                    work()
                except BaseException as error:
                    self._failed = True
                    self._failures.append(error)
        self._close_quick()

    def _close_quick(self) -> None:
        for sink in self._quick:
            try:
                sink.close()
            except BaseException as error:
                self._failures.append(error)

    def _finish(self, frame: Frame, outputs: List[np.ndarray], letterbox: Letterbox) -> None:
        with frame.clock("postprocess"):
            detections = self._detector.finish(outputs, letterbox)
        canvas = frame.image
        if self._draw:
            with frame.clock("draw"):
                self._overlay.draw(canvas, detections)
        with frame.clock("sink"):
            for sink in self._quick:
                sink.write(frame, canvas, detections)
        self._tally.add(detections)
        number = self._timing.frame_done(frame.index, frame.captured_at)
        picture = Picture(frame, canvas, detections, 1 + len(self._behind))
        picture.on_done = lambda at: self._timing.delivered(number, frame.captured_at, frame.clock.seconds, at)
        for behind in self._behind:
            behind.put(picture)
        picture.done(self._timing.now())
        self._last = canvas

    def _show_outage(self, outage: str) -> None:
        canvas = self._last.copy()
        self._overlay.banner(canvas, outage)
        for sink in self._quick:
            sink.idle(canvas, outage)
        for behind in self._behind:
            behind.put(Picture(None, canvas, outage, 1))

    def _reopen(self) -> None:
        for sink in self._quick:
            sink.reopen()
        for behind in self._behind:
            behind.reopen()

    def close(self) -> None:
        """Write what is waiting, and close the sinks. Raises what one of them raises, and warns of other failures."""
        deadline = time.monotonic() + self._join_limit
        if self._beside:
            self._end_thread(deadline)
        else:
            self._close_quick()
        for behind in self._behind:
            behind.close()
        deadline = max(deadline, time.monotonic() + LAST_MOMENT)
        for behind in self._behind:
            behind.join(deadline)
        for late in self._failures[1:]:
            warn(str(late))
        if self._failures:
            raise self._failures.pop(0)

    def _end_thread(self, deadline: float) -> None:
        try:
            self._work.put(None, timeout=self._join_limit)
        except queue.Full:
            pass
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            warn("the output hangs, and is left behind")

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        try:
            self.close()
        except Exception as late:
            if error is None:
                raise
            if late is not error:
                warn(str(late))


class Picture:
    """A frame on its way to the slow sinks, or a picture without one that says what is wrong."""

    __slots__ = ("frame", "canvas", "what", "on_done", "_takers", "_taken_at", "_lock")

    def __init__(self, frame: Optional[Frame], canvas: np.ndarray, what: Any, takers: int) -> None:
        """what: the detections, or with no frame the words. takers: how many times `done` will be called."""
        self.frame = frame
        self.canvas = canvas
        self.what = what
        self.on_done: Callable[[float], None] = lambda at: None
        self._takers = takers
        self._taken_at = 0.0
        self._lock = threading.Lock()

    def done(self, at: float = 0.0, seconds: float = 0.0) -> None:
        """Called by everyone who is done with it: when it was written, if it was, and how long that took.

        The last of them calls `on_done` with the time at which the last one had it.
        """
        with self._lock:
            self._takers -= 1
            self._taken_at = max(self._taken_at, at)
            if self.frame is not None:
                self.frame.clock.seconds["sink"] += seconds
            last = self._takers == 0
        if last:
            self.on_done(self._taken_at)


class Behind:
    """A slow sink, and the thread in which it is written and closed."""

    def __init__(
        self,
        sink: Sink,
        lossless: bool,
        timing: Timing,
        failures: List[BaseException],
        stopped: Callable[[], bool],
    ) -> None:
        """lossless: whether others wait for it. failures: where to leave what it raises. stopped: see Output."""
        self._sink = sink
        self._lossless = lossless
        self._timing = timing
        self._mail: Mailbox[Picture] = Mailbox(sink.waiting)
        self._failures = failures
        self._stopped = stopped
        self._reopen = False
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def put(self, picture: Picture) -> None:
        """Leave a picture for the sink; where it is too slow, its oldest goes, or all wait if none may be lost."""
        while self._lossless and picture.frame is not None:
            if self._mail.wait_for_room(HANG_LIMIT if self._stopped() else WAIT) or self._stopped():
                break
        skipped = self._mail.put(picture)
        if skipped is not None:
            if skipped.frame is not None:
                self._timing.sink_skipped()
            skipped.done()

    def reopen(self) -> None:
        """Reopen the sink before the next picture."""
        self._reopen = True

    def close(self) -> None:
        """Let the thread write what is left, and close the sink."""
        self._mail.close()

    def join(self, deadline: float) -> None:
        """Wait for that, until a time on the monotonic clock."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            warn("{} hangs, and is left behind".format(self._sink.name))

    def _run(self) -> None:
        if self._sink.keeps_all:  # a recording, which can wait; who looks at a window cannot
            yield_to_inference()
        try:
            while not self._mail.ended:
                picture = self._mail.get()
                if self._reopen:
                    self._reopen = False
                    self._sink.reopen()
                if picture is not None:
                    self._write(picture)
        except BaseException as error:
            self._failures.append(error)
            self._mail.close()
        try:
            self._sink.close()
        except BaseException as error:
            self._failures.append(error)

    def _write(self, picture: Picture) -> None:
        start = self._timing.now()
        try:
            if picture.frame is None:
                self._sink.idle(picture.canvas, picture.what)
            else:
                self._sink.write(picture.frame, picture.canvas, picture.what)
        finally:
            end = self._timing.now()
            picture.done(end, end - start)
