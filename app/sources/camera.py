"""Live sources: the newest frame only, and a connection that is reopened for as long as the program runs.

A thread opens the device and drains it into a mailbox for one frame. It may hang in a driver, so every decision is made
outside of it: whenever the loop asks for a frame, the age of the last one is checked. If it is too old, a second thread
opens the device beside the first; whichever delivers an image first is the camera from then on.
"""

import threading
import time
from typing import Callable, List, Optional

import numpy as np

from app.errors import SourceError, say, warn
from app.frame import Frame, Source, nothing
from app.sources.capture import CameraOptions, Device
from app.sources.connection import Connection
from app.threads import CLOSE_LIMIT, Mailbox
from app.timing import Now

STALE = 2.0  # seconds without a new frame after which a connection counts as lost; more for a slow camera
LONGEST_STALE = 32.0
NOTICEABLE = 1.0  # seconds without a new frame after which the outage is shown
FIRST_LIMIT = 20.0  # seconds for the first image; none by then is an error
FIRST_PATIENCE = 5.0  # seconds until a second attempt is made beside the first
FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0  # seconds from a failure to the next attempt, growing by
DELAY_GROWTH = 1.5  # so the next attempt is never further away than half of the outage so far
MOST_CONNECTIONS = 8  # threads at once, including those that hang
LOG_PERIOD = 60.0  # seconds between two lines about the same outage


class Camera(Source):
    """A live source. Every frame is handed out at most once; those not taken in time leave a gap in `index`."""

    live = True

    def __init__(self, device: Device, options: CameraOptions = CameraOptions(), *, now: Now = time.monotonic) -> None:
        """Start to open the device, without waiting for it. Raises SourceError when it is known not to be there."""
        self.name = device.name
        self._device = device
        self._retry = options.retry
        self._may_wait = options.wait
        self._prepare: Optional[Callable[[Frame], None]] = None
        self._arrived: Callable[[], None] = nothing
        self._now = now
        missing = device.missing()
        if missing and not self._may_wait:
            raise SourceError(f"{self.name}: {missing}")
        self._mail: Mailbox[Frame] = Mailbox(1)
        self._lock = threading.Lock()
        self._connections: List[Connection] = []
        self._current: Optional[Connection] = None  # the one that delivers images
        self._last_frame = now()
        self._last_image: Optional[np.ndarray] = None
        self._zero: Optional[float] = None  # when the first frame that was handed out was captured
        self._connected = False  # ever
        self._note: Optional[str] = None  # what the device delivers, as last reported
        self._failures = 0  # in a row
        self._reason = "not connected yet"
        self._missing = False
        self._stale = STALE
        self._delay = FIRST_DELAY
        self._next_try = self._next_line = now()
        self._told = False  # whether this outage was reported
        self._deadline: Optional[float] = None  # of its threads, once it has ended
        self._supervise()

    def start(
        self,
        prepare: Optional[Callable[[Frame], None]] = None,
        arrived: Callable[[], None] = nothing,
        *,
        low_priority: bool = True,
    ) -> None:
        self._prepare = prepare  # a frame that came before, while the model was loading, is handed out as it is
        self._arrived = arrived

    @property
    def ended(self) -> bool:  # type: ignore[override]
        """Whether there is nothing more to take: it has been closed."""
        return self._mail.ended

    def take(self, seconds: float = 0.0) -> Optional[Frame]:
        frame = self._mail.get(seconds)
        if frame is not None:
            self._zero = frame.captured_at if self._zero is None else self._zero
            frame.time = frame.captured_at - self._zero
        elif not self.ended:
            self._supervise()
        return frame

    @property
    def outage(self) -> Optional[str]:  # type: ignore[override]
        """Why there is no image now; None while there is one."""
        silence = self._now() - self._last_frame
        if silence < NOTICEABLE:
            return None
        return f"no image for {silence:.0f} s: {self._reason if self._current is None else 'no new frame'}"

    def end(self) -> None:
        if self._deadline is None:
            self._deadline = time.monotonic() + CLOSE_LIMIT
        with self._lock:
            for connection in self._connections:
                connection.retired = True
        self._mail.close()
        self._mail.get(0.0)  # a frame that nobody wants would keep its memory

    def close(self) -> None:
        self.end()
        assert self._deadline is not None
        with self._lock:
            connections, self._connections = self._connections, []  # so that closing again says nothing again
        for connection in connections:
            connection.thread.join(max(0.0, self._deadline - time.monotonic()))
        if any(connection.thread.is_alive() for connection in connections):
            warn(f"{self.name}: did not stop in time; its thread was abandoned")

    def _supervise(self) -> None:
        """Notice what has failed, and try again when it is time. Raises SourceError to give up."""
        now = self._now()
        if self._current is not None:
            trouble = self._trouble(self._current, now)
            if trouble is None:
                return
            self._lose(trouble, now)
        for connection in [one for one in self._connections if one.ended.is_set()]:
            with self._lock:
                self._connections.remove(connection)
            if not connection.retired and not connection.frames:
                self._failed(connection.reason, now)
        if not self._connected and not self._may_wait and now - self._last_frame > FIRST_LIMIT:
            raise SourceError(f"{self.name}: no image within {FIRST_LIMIT:g} s{self._device.hint}")
        # Looking for a missing device costs nothing, so a camera is back as soon as it is plugged in.
        if now >= self._next_try or (self._missing and not self._device.missing()):
            self._try(now)

    def _trouble(self, connection: Connection, now: float) -> Optional[str]:
        """What is wrong with the connection that should be delivering images."""
        if connection.ended.is_set():
            return connection.reason
        missing = self._device.missing()
        if missing:
            return missing
        if now - self._last_frame <= max(self._stale, 4 * connection.interval):
            return None
        # One that delivers no second frame may be a camera that takes one a minute.
        self._stale = STALE if connection.frames >= 10 else min(2 * self._stale, LONGEST_STALE)
        return "no new frame"

    def _lose(self, reason: str, now: float) -> None:
        """The image is lost. The connection is kept: it may be the first to deliver one again."""
        with self._lock:
            self._last_image = self._current.last if self._current is not None else None
            self._current = None
        self._reason = reason
        self._delay = FIRST_DELAY
        self._next_try = now + self._delay
        self._told = False
        self._tell(now)

    def _failed(self, reason: str, now: float) -> None:
        """An attempt has failed: raise SourceError, or schedule the next one."""
        self._reason = reason
        self._failures += 1
        if not self._connected and not self._may_wait:
            # A caller that wants one attempt has no --wait.
            hint = "; use --wait to keep trying" if self._retry != 0 else ""
            raise SourceError(f"{self.name}: {reason}{hint}")
        if self._retry is not None and self._failures > self._retry:
            count = f"{self._failures} attempts" if self._failures > 1 else "one attempt"
            raise SourceError(f"{self.name}: {reason}; gave up after {count}")
        self._next_try = min(self._next_try, now + self._delay)
        self._tell(now)

    def _tell(self, now: float) -> None:
        """Report the outage, but not too often: a camera may come and go all day, or be gone for a week."""
        if now >= self._next_line:
            warn(f"{self.name}: {self.outage or 'no image: ' + self._reason}; trying again")
            self._next_line = now + LOG_PERIOD
            self._told = True

    def _try(self, now: float) -> None:
        """Open the device once more, unless that cannot work."""
        first = not self._connected and not self._failures
        self._next_try = now + max(self._delay, FIRST_PATIENCE if first else self._device.patience)
        missing = self._device.missing()
        self._missing = missing is not None
        if missing is not None:
            self._failed(missing, now)
        elif len(self._connections) >= MOST_CONNECTIONS:
            self._failed(f"{MOST_CONNECTIONS} attempts hang in the driver", now)
        else:
            connection = Connection(self._device, self._deliver, self._lost, self._last_image, self._now)
            with self._lock:
                self._connections.append(connection)
            connection.thread.start()
        self._delay = min(DELAY_GROWTH * self._delay, LONGEST_DELAY)

    def _deliver(self, connection: Connection, image: np.ndarray, captured_at: float) -> None:
        """Take an image, in the thread of its connection."""
        with self._lock:
            if connection.retired:
                return
            if connection is not self._current:
                self._begin(connection, captured_at)
            frame = Frame(image, self.captured, captured_at)
            self.captured += 1
            self._last_frame = captured_at
        if self._prepare is not None:
            self._prepare(frame)
        self._mail.put(frame)
        self._arrived()

    def _lost(self, count: int) -> None:
        """Count images that came, but could not be decoded."""
        if not self.undecoded:
            warn(f"{self.name}: an image cannot be decoded and is left out; the report counts them")
        self.undecoded += count

    def _begin(self, connection: Connection, now: float) -> None:
        """A connection delivers its first image, or one after an outage: it is the camera now."""
        if self._connected:
            self.reconnects += 1
            if self._told:
                say(f"{self.name}: the image is back after {now - self._last_frame:.1f} s")
        for other in self._connections:
            other.retired = other is not connection
        if self._device.note not in (None, self._note):
            say(f"{self.name}: {self._device.note}")
        self._note = self._device.note
        self._current = connection
        self._connected = True
        self._failures = 0
        self.fps = self._device.fps
