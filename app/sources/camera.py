"""Live sources: the newest frame only, and a connection that is made again for as long as the program runs.

A thread opens the device and drains it into a mailbox for one frame. It may hang in a driver, so that all that is
decided is decided outside: the loop, whenever it asks for a frame, looks how old the last one is. If it is too old a
second thread opens the device beside the first; whichever gives a picture first is the camera from then on.
"""

import threading
import time
from typing import Iterator, List, Optional

import numpy as np

from app.errors import SourceError, say, warn
from app.frame import Frame, Source
from app.sources.capture import Device
from app.sources.connection import Connection
from app.threads import CLOSE_LIMIT, WAIT, Mailbox
from app.timing import Now

STALE = 2.0  # seconds without a new frame after which a camera is given up; more if its frames come that seldom
LONGEST_STALE = 32.0
NOTICEABLE = 1.0  # seconds without one after which people are told
FIRST_LIMIT = 20.0  # seconds for the first picture, which is an error to miss
FIRST_PATIENCE = 5.0  # seconds until the first connection is tried a second time, beside the first
FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0  # seconds from a failure to the next try, growing by
DELAY_GROWTH = 1.5  # so that the next try is never further off than half the time that the outage has lasted
MOST_CONNECTIONS = 8  # threads at once, counting those that hang
LOG_PERIOD = 60.0  # seconds between two lines about a picture that is not there


class Camera(Source):
    """A live source. Every frame is handed out once at most; those that nobody took in time leave a gap in `index`."""

    live = True

    def __init__(
        self, device: Device, retry: Optional[int] = None, wait: bool = False, now: Now = time.monotonic
    ) -> None:
        """retry: failures in a row after which to give up, None for never. wait: whether the first connection may fail.

        Starts to open the device, and does not wait for it. Raises SourceError when it is known not to be there.
        """
        self.name = device.name
        self._device = device
        self._retry = retry
        self._may_wait = wait
        self._now = now
        missing = device.missing()
        if missing and not wait:
            raise SourceError("{}: {}".format(self.name, missing))
        self._mail: Mailbox[Frame] = Mailbox(1)
        self._lock = threading.Lock()
        self._connections: List[Connection] = []
        self._current: Optional[Connection] = None  # the one that gives pictures
        self._last_frame = now()
        self._last_image: Optional[np.ndarray] = None
        self._connected = False  # ever
        self._note: Optional[str] = None  # what the device gives, as it was last said
        self._failures = 0  # in a row
        self._reason = "not connected yet"
        self._missing = False
        self._stale = STALE
        self._delay = FIRST_DELAY
        self._next_try = self._next_line = now()
        self._told = False  # whether the outage was put into words
        self._supervise()

    def __iter__(self) -> Iterator[Optional[Frame]]:
        while True:
            frame = self._mail.get(WAIT)
            if frame is None:
                self._supervise()
            yield frame

    @property
    def outage(self) -> Optional[str]:  # type: ignore[override]
        """What to tell people while there is no picture."""
        silence = self._now() - self._last_frame
        if silence < NOTICEABLE:
            return None
        return "no picture for {:.0f} s: {}".format(silence, self._reason if self._current is None else "no new frame")

    def close(self) -> None:
        with self._lock:
            connections = list(self._connections)
            for connection in connections:
                connection.retired = True
        self._mail.close()
        deadline = time.monotonic() + CLOSE_LIMIT
        for connection in connections:
            connection.thread.join(max(0.0, deadline - time.monotonic()))
        if any(connection.thread.is_alive() for connection in connections):
            warn("{}: does not answer, and is left behind".format(self.name))

    def _supervise(self) -> None:
        """Notice what has failed, and try again when it is time. Raises SourceError when that is not wanted."""
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
            raise SourceError("{}: no picture within {:g} s{}".format(self.name, FIRST_LIMIT, self._device.hint))
        # What is missing costs nothing to look for, so that a camera is back as soon as it is plugged in.
        if now >= self._next_try or (self._missing and not self._device.missing()):
            self._try(now)

    def _trouble(self, connection: Connection, now: float) -> Optional[str]:
        """What is wrong with the connection that should be giving pictures."""
        if connection.ended.is_set():
            return connection.reason
        missing = self._device.missing()
        if missing:
            return missing
        if now - self._last_frame <= max(self._stale, 4 * connection.interval):
            return None
        # One that gives no second frame may be a camera that takes one a minute.
        self._stale = STALE if connection.frames >= 10 else min(2 * self._stale, LONGEST_STALE)
        return "no new frame"

    def _lose(self, reason: str, now: float) -> None:
        """The picture is lost. The connection is kept: it may be the first to give one again."""
        with self._lock:
            self._last_image = self._current.last if self._current is not None else None
            self._current = None
        self._reason = reason
        self._delay = FIRST_DELAY
        self._next_try = now + self._delay
        self._told = False
        self._tell(now)

    def _failed(self, reason: str, now: float) -> None:
        """A try has failed: raise SourceError, or see to the next one."""
        self._reason = reason
        self._failures += 1
        if not self._connected and not self._may_wait:
            hint = "; --wait would keep trying" if self._retry != 0 else ""  # where one try is wanted, none is missed
            raise SourceError("{}: {}{}".format(self.name, reason, hint))
        if self._retry is not None and self._failures > self._retry:
            count = "{} tries".format(self._failures) if self._failures > 1 else "one try"
            raise SourceError("{}: {}; given up after {}".format(self.name, reason, count))
        self._next_try = min(self._next_try, now + self._delay)
        self._tell(now)

    def _tell(self, now: float) -> None:
        """Say that there is no picture, but not too often: a camera may come and go all day, or be gone for a week."""
        if now >= self._next_line:
            warn("{}: {}; trying again".format(self.name, self.outage or "no picture: " + self._reason))
            self._next_line = now + LOG_PERIOD
            self._told = True

    def _try(self, now: float) -> None:
        """Open the device once more, unless that is futile."""
        first = not self._connected and not self._failures
        self._next_try = now + max(self._delay, FIRST_PATIENCE if first else self._device.patience)
        missing = self._device.missing()
        self._missing = missing is not None
        if missing is not None:
            self._failed(missing, now)
        elif len(self._connections) >= MOST_CONNECTIONS:
            self._failed("{} tries hang in the driver".format(MOST_CONNECTIONS), now)
        else:
            connection = Connection(self._device, self._deliver, self._last_image, self._now)
            with self._lock:
                self._connections.append(connection)
            connection.thread.start()
        self._delay = min(DELAY_GROWTH * self._delay, LONGEST_DELAY)

    def _deliver(self, connection: Connection, image: np.ndarray, captured_at: float) -> None:
        """Take a picture, in the thread of its connection."""
        with self._lock:
            if connection.retired:
                return
            if connection is not self._current:
                self._begin(connection, captured_at)
            frame = Frame(image, self.captured, captured_at)
            self.captured += 1
            self._last_frame = captured_at
        if self.prepare is not None:
            self.prepare(frame)
        self._mail.put(frame)

    def _begin(self, connection: Connection, now: float) -> None:
        """A connection gives its first picture, or gives one again: it is the camera now."""
        if self._connected:
            self.reconnects += 1
            if self._told:
                say("{}: the picture is back after {:.1f} s".format(self.name, now - self._last_frame))
        for other in self._connections:
            other.retired = other is not connection
        if self._device.note not in (None, self._note):
            say("{}: {}".format(self.name, self._device.note))
        self._note = self._device.note
        self._current = connection
        self._connected = True
        self._failures = 0
        self.fps = self._device.fps
