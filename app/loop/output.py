"""What happens to a camera's frames after inference: they are decoded and finished, and go to the sinks in order.

A worker decodes its frame and finishes it (draws), and the worker whose frame is next writes it to the quick sinks,
with those that came too early. Where something is tracked, that worker also finishes the frames (tracks and draws),
since a tracker needs them in order. Beside a GPU, a thread does all of it while the next frame is in the network. A
sink that may be slow (a window, a disk) has a thread with a small queue: it delays neither the detection nor another
sink.
"""

import threading
import time
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Union

import numpy as np

from app.errors import warn
from app.frame import Frame, nothing
from app.overlay import banner
from app.sinks import Sink
from app.sinks.worker import HANG_LIMIT, Delivery, Notice, SinkWorker
from app.threads import CLOSE_LIMIT, WAIT, InOrder, Mailbox
from app.timing import Timing

FRAMES_AHEAD = 2  # frames that inference may be ahead of the output
FILE_CLOSE_LIMIT = 10.0  # seconds to write what is still queued, when every frame of a file has to be recorded
LAST_MOMENT = 0.2  # seconds that a slow sink has to finish even if another has used up the time
OUTAGE_PERIOD = 0.5  # seconds between two images that say that there is none
BLANK = (480, 640, 3)  # what carries that message before the first frame


class Outage(NamedTuple):
    """The source delivers nothing at the moment."""

    reason: str


class Reopen(NamedTuple):
    """The sinks should continue in new files."""


Message = Union[Frame, Outage, Reopen]


class Output:
    """A context manager. Owns the sinks: they are closed with it, slow ones in the thread that wrote to them."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        timing: Timing,
        decode: Callable[[Frame], None],
        finish: Callable[[Frame], None] = lambda frame: None,
        *,
        lossless: bool,
        threaded: bool = False,
        in_order: bool = False,
        keep_outputs: bool = False,
        stopped: Callable[[], bool] = lambda: False,
        count: Callable[[Frame], None] = lambda frame: None,
        done: Callable[[], None] = nothing,
    ) -> None:
        """decode, then finish: called with each frame before the sinks get it; count: once the quick ones have it;
        done: once the next frame may come. lossless: whether no frame may be skipped by sinks that want them all.
        threaded: whether to decode and finish frames in a thread beside the workers. in_order: whether to finish them
        in order, one at a time. keep_outputs: whether `finish` reads the raw outputs. stopped: whether the program is
        to end, and so should not wait for a sink that hangs.
        """
        self._timing = timing
        self._decode = decode
        self._finish = finish
        self._count = count
        self._done = done
        self._stopped = stopped
        self._quick = [sink for sink in sinks if not sink.queue_size]
        self._failures: List[BaseException] = []  # of all threads, raised in the main one, which ends the program
        self._workers = [
            SinkWorker(
                sink, timing, lossless=lossless and sink.lossless, failures=self._failures, stopped=self._stopped
            )
            for sink in sinks
            if sink.queue_size
        ]
        self._join_limit = FILE_CLOSE_LIMIT if lossless and any(sink.lossless for sink in sinks) else CLOSE_LIMIT
        self._last: np.ndarray = np.full(BLANK, 64, np.uint8)
        self._outage_shown_at = timing.now()
        self._failed = False
        self._beside = threaded
        self._finish_late = threaded or in_order
        self._copy = threaded or (in_order and keep_outputs)
        self._threaded = threaded or any(sink.may_block for sink in self._quick)
        self._deadline = 0.0
        self._hangs = False  # whether a message was given up, so that no other waits as long
        self._order: InOrder[Message] = InOrder(self._hand_on)
        self._mail: Mailbox[Message] = Mailbox(FRAMES_AHEAD)
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        if self._threaded:
            self._thread.start()

    def put(self, frame: Frame, number: int) -> None:
        """Take a frame with its raw outputs, the first one's number being 0. Raises what a sink has raised before.

        Several threads may call it, in any order of the numbers.
        """
        if self._copy:  # the backend may use their memory for the next frame, while these are being read
            frame.outputs = [output.copy() for output in frame.outputs]
        if not self._beside:
            self._decode(frame)
        if not self._finish_late:
            self._finish(frame)
        self._order.put(number, frame)

    def idle(self, reason: str) -> None:
        """Draw the reason for the outage on the last image, and pass it to the sinks that show outages.

        Returns at once: while a sink hangs that is not supposed to, it shows no outage.
        """
        has_room = not self._threaded or self._mail.wait_for_room(0.0)
        if has_room and self._timing.now() - self._outage_shown_at >= OUTAGE_PERIOD:
            self._outage_shown_at = self._timing.now()
            self._order.put_between(Outage(reason))

    def reopen(self) -> None:
        """Have every sink start a new file, or continue in the one that now has its name."""
        self._order.put_between(Reopen())

    def _hand_on(self, message: Message) -> None:
        """Handle a message, or leave it to the thread. Called with one at a time, in order."""
        self._handle_or_leave(message)
        if isinstance(message, Frame):
            self._done()

    def _handle_or_leave(self, message: Message) -> None:
        while True:
            if self._failures:
                raise self._failures.pop(0)
            if not self._threaded:
                self._handle(message)
                return
            if self._mail.wait_for_room(0.0 if self._hangs else HANG_LIMIT if self._stopped() else WAIT):
                self._mail.put(message)
                return
            if self._stopped():
                self._hangs = True
                return  # what hangs is reported at the end

    def _run(self) -> None:
        while not self._mail.ended:
            message = self._mail.get()
            if message is not None and not self._failed:  # after a failure the rest is only taken off the queue
                try:
                    self._handle(message)
                except BaseException as error:
                    self._failed = True
                    self._failures.append(error)
        self._close_quick()

    def _handle(self, message: Message) -> None:
        if isinstance(message, Frame):
            self._deliver(message)
        elif isinstance(message, Outage):
            self._show_outage(message.reason)
        else:
            for sink in self._quick:
                sink.reopen()
            for worker in self._workers:
                worker.reopen()

    def _deliver(self, frame: Frame) -> None:
        if self._beside:
            self._decode(frame)
        if self._finish_late:
            self._finish(frame)
        canvas, times = frame.image, frame.times
        with times.stage("sink"):
            for sink in self._quick:
                sink.write(frame, canvas, frame.detections)
        times.processed_at = self._timing.now()
        delivery = Delivery(frame, canvas, 1 + len(self._workers))
        for worker in self._workers:
            worker.put(delivery)
        delivery.done(times.processed_at)
        self._timing.add(times)
        self._count(frame)
        self._last = canvas

    def _show_outage(self, reason: str) -> None:
        canvas = self._last.copy()
        banner(canvas, reason)
        for sink in self._quick:
            sink.idle(canvas, reason)
        for worker in self._workers:
            worker.put(Notice(canvas, reason))

    def _close_quick(self) -> None:
        for sink in self._quick:
            try:
                sink.close()
            except BaseException as error:
                self._failures.append(error)

    def end(self) -> None:
        """Begin to close: there will be no more frames. Returns at once, so that several can close side by side."""
        if self._deadline:
            return
        self._deadline = time.monotonic() + self._join_limit
        self._mail.close()

    def close(self) -> None:
        """Write what is queued, and close the sinks. Raises what one of them raises, and warns of other failures."""
        self.end()
        if self._threaded:
            self._end_thread()
        else:
            self._close_quick()
        for worker in self._workers:
            worker.close()
        if not self._thread.is_alive():
            self._last = np.empty((0, 0, 3), np.uint8)  # a camera that was removed stays in the report
        deadline = max(self._deadline, time.monotonic() + LAST_MOMENT)
        for worker in self._workers:
            worker.join(deadline)
        for late in self._failures[1:]:
            warn(str(late))
        if self._failures:
            raise self._failures.pop(0)

    def _end_thread(self) -> None:
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        if self._thread.is_alive():
            warn("the output did not finish in time; its thread was abandoned")

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
