"""The sink of one camera that finds its events. It is quick: what is slow happens in the recorder's thread."""

from typing import Callable, List, Optional, Tuple

import numpy as np

from app.detections import Detections
from app.events.incident import Change
from app.events.keeper import Keeper
from app.events.recorder import Recorder
from app.events.rules import Rules
from app.events.wall import CameraClock, Wall
from app.frame import Frame
from app.sinks import Sink
from app.sinks.picture import Picture
from app.tracking.events import Sighting

Listener = Callable[[Change, Frame], None]

SEEN_PERIOD = 10.0  # seconds between two notes of what is still there; should the program be killed, it ended then


class IncidentSink(Sink):
    """Gives each frame a `picture` if it has none yet, so that those who want a JPEG share one.

    listeners: called with each change and the frame that made it, in the camera's thread, before the frame's later
    sinks get it. Of an end because the camera ends it is the last frame. keeper: what is known of the camera.
    """

    name = "the events"

    def __init__(self, camera: str, rules: Rules, recorder: Recorder, wall: Wall) -> None:
        self.keeper = Keeper(camera, rules)
        self.listeners: List[Listener] = []
        self._recorder = recorder
        self._clock = CameraClock(wall)
        self._noted_at = 0.0
        self._last: Optional[Frame] = None

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        picture = frame.picture
        if picture is None or picture.image is not canvas:
            picture = frame.picture = Picture(canvas, captured_at=frame.captured_at)
        moment = self._clock(frame)
        keeper = self.keeper
        changes = keeper.update(moment, frame.events or (), _sightings(detections), _size(canvas))
        self._last = frame
        if changes or keeper.photographed or moment.now - self._noted_at >= SEEN_PERIOD:
            self._noted_at = moment.now
            self._recorder.put(changes, dict.fromkeys(keeper.photographed, picture), keeper.open())
        self._tell(changes, frame)

    def close(self) -> None:
        changes, last, self._last = self.keeper.close(), self._last, None
        if last is not None:
            self._recorder.put(changes, {})
            self._tell(changes, last)

    def _tell(self, changes: List[Change], frame: Frame) -> None:
        for change in changes:
            for listen in self.listeners:
                listen(change, frame)


def _sightings(detections: Detections) -> List[Sighting]:
    """The confirmed tracks of a frame."""
    columns = (detections.tracks.tolist(), detections.names, detections.classes.tolist(), detections.scores.tolist())
    return [Sighting(*row) for row in zip(*columns, detections.boxes.tolist()) if row[0] > 0]


def _size(image: np.ndarray) -> Tuple[int, int]:
    return image.shape[1], image.shape[0]
