"""A slow sink in a thread of its own: what it has no time for is skipped and counted, or waited for."""

import threading
import time
from typing import Callable, List, NamedTuple, Union

import numpy as np

from app.errors import warn
from app.frame import Frame
from app.sinks import Sink
from app.threads import WAIT, Mailbox, yield_to_inference
from app.timing import Timing

HANG_LIMIT = 0.5  # seconds that a sink may delay a program that is to end


class Delivery:
    """A frame on its way to its sinks. The last of them completes the frame's times."""

    def __init__(self, frame: Frame, canvas: np.ndarray, takers: int) -> None:
        """takers: how many times `done` will be called."""
        self.frame = frame
        self.canvas = canvas
        self._takers = takers
        self._taken_at = 0.0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """What it takes of the memory."""
        return self.canvas.nbytes

    def done(self, at: float = 0.0, seconds: float = 0.0) -> None:
        """A sink no longer needs the frame: when it was written, if it was, and how long that took."""
        with self._lock:
            self._takers -= 1
            self._taken_at = max(self._taken_at, at)
            self.frame.times.seconds["sink"] += seconds
            if self._takers == 0:
                self.frame.times.delivered_at = self._taken_at


class Notice(NamedTuple):
    """An image that is not a frame: the last one, with the reason for the outage drawn on it."""

    canvas: np.ndarray
    outage: str


class SinkWorker:
    """A slow sink, and the thread in which it is written and closed."""

    def __init__(
        self, sink: Sink, timing: Timing, *, lossless: bool, failures: List[BaseException], stopped: Callable[[], bool]
    ) -> None:
        """lossless: whether the loop waits for it. failures: where to leave what it raises. stopped: whether the
        program is to end, and so should not wait for a sink that hangs.
        """
        self._sink = sink
        self._timing = timing
        self._lossless = lossless
        self._mail: Mailbox[Union[Delivery, Notice]] = Mailbox(sink.queue_size)
        self._failures = failures
        self._stopped = stopped
        self._reopen = False
        self._told = False
        self._hangs = False  # whether the caller has waited in vain, at the end of the program
        timing.sink_skipped(type(sink).__name__, 0)  # so that it is known before it happens
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def put(self, message: Union[Delivery, Notice]) -> None:
        """Queue a frame or a notice. When the queue is full its oldest is skipped, or the caller waits."""
        while self._lossless and isinstance(message, Delivery):
            if self._mail.wait_for_room(0.0 if self._hangs else HANG_LIMIT if self._stopped() else WAIT):
                break
            if self._stopped():
                self._hangs = True
                break
        for skipped in self._mail.put(message):
            if isinstance(skipped, Delivery):
                self._timing.sink_skipped(type(self._sink).__name__)
                skipped.done()
                if skipped is not message:  # else the sink has ended
                    self._tell_of_skipping()

    def _tell_of_skipping(self) -> None:
        """Say once that frames of a recording are lost; that a window skips some is as it should be."""
        if self._sink.lossless and not self._told:
            self._told = True
            warn(f"{self._sink.name}: frames come faster than it takes them; some are left out, see sink_dropped")

    def reopen(self) -> None:
        """Reopen the sink before the next frame."""
        self._reopen = True

    def close(self) -> None:
        """Let the thread write what is queued, and close the sink."""
        self._mail.close()

    def join(self, deadline: float) -> None:
        """Wait for that, until a time on the monotonic clock."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            warn(f"{self._sink.name} did not finish in time; its thread was abandoned")

    def _run(self) -> None:
        if self._sink.lossless:  # a recording, which can wait; who looks at a window cannot
            yield_to_inference()
        try:
            while not self._mail.ended:
                message = self._mail.get()
                if self._reopen:
                    self._reopen = False
                    self._sink.reopen()
                if message is not None:
                    self._write(message)
        except BaseException as error:
            self._failures.append(error)
            self._mail.close()
        try:
            self._sink.close()
        except BaseException as error:
            self._failures.append(error)

    def _write(self, message: Union[Delivery, Notice]) -> None:
        if isinstance(message, Notice):
            self._sink.idle(message.canvas, message.outage)
            return
        start = self._timing.now()
        try:
            self._sink.write(message.frame, message.canvas, message.frame.detections)
        finally:
            end = self._timing.now()
            message.done(end, end - start)
