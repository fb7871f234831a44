"""The last events of tracked things, in memory, each with a small picture of where it happened.

A store that keeps more takes the place of EventLog: the hub adds to it, and state.py and routes.py ask it.
"""

import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from app.sinks.picture import Picture, shrink
from app.tracking.events import Event

MOST = 100  # events that are kept
WIDTH = 240  # pixels of a picture, of 4:3
ROUND = 1.5  # how much larger than the thing a picture is, and
LEAST = 0.4  # of the frame's height, so that one sees where it is


class Record(NamedTuple):
    """An event. number: from 1. time: in seconds since 1970. picture: of the thing and what is round it."""

    number: int
    time: float
    camera: str
    event: Event
    picture: Picture

    def as_json(self) -> Dict[str, Any]:
        """What `/api/events` says of it."""
        fields = self.event.as_json()
        fields.update(id=self.number, time=round(self.time, 3), camera=self.camera)
        fields["picture"] = f"/api/events/{self.number}.jpg"
        return fields


class EventLog:
    """Cameras add to it, each from its own thread, and viewers read it."""

    def __init__(self, encoded: Callable[[], None], clock: Callable[[], float] = time.time) -> None:
        """encoded: called whenever a JPEG is made."""
        self._records: Deque[Record] = deque(maxlen=MOST)
        self._last = 0
        self._encoded = encoded
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, camera: str, events: Sequence[Event], image: np.ndarray) -> None:
        """Keep what happened in a frame. image: (h, w, 3) uint8 BGR, of which small copies are kept."""
        pictures: Dict[Tuple[float, ...], Picture] = {}  # by box: a thing may do two things at once
        for event in events:
            box = tuple(event.seen.box)
            if box not in pictures:
                pictures[box] = Picture(shrink(around(image, box), WIDTH).copy(), encoded=self._encoded)
        with self._lock:
            for event in events:
                self._last += 1
                picture = pictures[tuple(event.seen.box)]
                self._records.append(Record(self._last, self._clock(), camera, event, picture))

    @property
    def last(self) -> int:
        """The number of the newest event, 0 if there is none."""
        return self._last

    def since(self, number: int) -> Tuple[int, List[Dict[str, Any]]]:
        """The number of the newest event, and those that came after an event, in order, ready for JSON: all, if it is
        not known, as after a new start.
        """
        with self._lock:
            records, last = list(self._records), self._last
        return last, [record.as_json() for record in records if record.number > number or number > last]

    def find(self, number: int) -> Optional[Record]:
        """The event of this number; None if it is no longer kept."""
        with self._lock:
            return next((record for record in self._records if record.number == number), None)


def around(image: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """The part of an image (h, w, 3) round a box x1, y1, x2, y2, as 4:3 as the image allows; a view of it."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    rows = min(height, max(LEAST * height, ROUND * (bottom - top), ROUND * (right - left) * 3 / 4))
    columns = min(width, rows * 4 / 3)
    x = min(max(0, round((left + right - columns) / 2)), width - round(columns))
    y = min(max(0, round((top + bottom - rows) / 2)), height - round(rows))
    return image[y : y + round(rows), x : x + round(columns)]
