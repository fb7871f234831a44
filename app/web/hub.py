"""What there is to see: of each camera its newest image and what was found in it, and the last events.

A camera's thread leaves an image here and goes on. Nothing is copied, and nothing encoded until somebody asks for it.
"""

import threading
import time
from typing import Callable, Dict, Optional

import numpy as np

from app.detections import Detections
from app.frame import NOTHING, Frame
from app.frame import nothing as do_nothing
from app.sinks import Sink
from app.sinks.picture import Picture
from app.web.events import EventLog


class Hub:
    """The views of all cameras, by name. Each is also the sink of its camera.

    encoded: how many JPEGs were made. wanted: whether somebody waits for an image: then `arrived` is called.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, *, stored: bool = False) -> None:
        """stored: whether events are kept elsewhere, and so not here."""
        self.now = now
        self.views: Dict[str, View] = {}  # never changed, only replaced
        self.encoded = 0
        self.events = EventLog(self.count)
        self.stored = stored
        self.wanted = False
        self.arrived: Callable[[], None] = do_nothing
        self._numbers: Dict[str, int] = {}  # of the newest image of each camera, also of those that were closed
        self._lock = threading.Lock()

    def open(self, name: str) -> "View":
        """The sink for a camera, from now on. It may take the place of one that is still to be closed."""
        with self._lock:
            view = View(name, self)
            self.views = {**self.views, name: view}
            return view

    def close(self, view: "View") -> None:
        """Show a camera no more, unless another sink has taken its place."""
        with self._lock:
            if self.views.get(view.name) is view:
                self.views = {name: other for name, other in self.views.items() if other is not view}

    def picture(self, name: str, image: np.ndarray, captured_at: float) -> Picture:
        """The next picture of a camera."""
        with self._lock:
            number = self._numbers[name] = self._numbers.get(name, 0) + 1
        return Picture(image, number, captured_at, self.count)

    def notify(self) -> None:
        """Wake who waits for an image."""
        if self.wanted:
            self.arrived()

    def count(self) -> None:
        """A JPEG was made."""
        with self._lock:
            self.encoded += 1


class View(Sink):
    """The sink of one camera.

    picture: the newest, None before the first. detections: of its last frame. shown_at: when that came, in seconds
    since 1970. frames: how many there were.
    """

    def __init__(self, name: str, hub: Hub) -> None:
        self.name = name
        self.picture: Optional[Picture] = None
        self.detections: Detections = NOTHING
        self.shown_at = 0.0
        self._captured_at = hub.now()
        self._hub = hub

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        self._captured_at = frame.captured_at
        self.picture = frame.picture = self._hub.picture(self.name, canvas, frame.captured_at)
        self.detections = detections
        self.shown_at = time.time()
        if frame.events and not self._hub.stored:
            self._hub.events.add(self.name, frame.events, canvas)
        self._hub.notify()

    def idle(self, canvas: np.ndarray, outage: str) -> None:
        """A picture of the outage, of the age of the last frame, or of this sink before the first."""
        self.picture = self._hub.picture(self.name, canvas, self._captured_at)
        self.detections = NOTHING
        self._hub.notify()

    def close(self) -> None:
        self._hub.close(self)
