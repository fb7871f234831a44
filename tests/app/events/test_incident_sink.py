"""What the sink gives the recorder and those who listen."""

import numpy as np
import pytest

from app.detections import Detections
from app.events.rules import Rules
from app.events.sink import IncidentSink
from app.events.wall import Wall
from app.frame import Frame
from app.sinks.picture import Picture
from app.tracking.events import Event, Sighting

CANVAS = np.zeros((480, 640, 3), np.uint8)
BOX = [100.0, 100.0, 200.0, 300.0]


class Recorder:
    def __init__(self):
        self.changes, self.pictures, self.seen, self.calls = [], {}, {}, 0

    def put(self, changes, pictures, seen=None):
        self.calls += 1
        self.changes += changes
        self.pictures.update(pictures)
        self.seen.update(seen or {})


class Camera:
    def __init__(self):
        self.recorder, self.told = Recorder(), []
        self.sink = IncidentSink("yard", Rules(), self.recorder, Wall(lambda: 1000.0, lambda: 0.0))
        self.sink.listeners.append(lambda change, frame: self.told.append((change.type, frame)))

    def frame(self, time, *tracks, events=(), score=0.5):
        frame = Frame(CANVAS, captured_at=time, time=time)
        frame.events = events
        count = len(tracks)
        frame.detections = Detections(
            np.float32([BOX] * count).reshape(-1, 4),
            np.full(count, score, np.float32),
            np.zeros(count, np.int32),
            ("person",),
            np.array(tracks, np.int64),
        )
        self.sink.write(frame, CANVAS, frame.detections)
        return frame


def test_a_thing_from_its_first_frame_to_its_end():
    camera = Camera()
    first = camera.frame(0.0, 7, 0)
    last = camera.frame(1.0, 7)
    seen = Sighting(7, "person", 0, 0.5, BOX)
    gone = camera.frame(4.0, events=[Event("vanish", 4.0, seen, seconds=1.0)])
    assert camera.told == [("new", first), ("end", gone)]
    new, end = camera.recorder.changes
    assert (new.incident.camera, new.incident.track, new.incident.start) == ("yard", 7, 1000.0)
    assert (end.incident.end, end.t) == (1001.0, 1004.0)
    assert camera.recorder.pictures == {new.incident.id: first.picture}
    assert last.picture.image is CANVAS


def test_what_is_there_when_the_camera_ends():
    camera = Camera()
    camera.frame(0.0, 7)
    last = camera.frame(2.0, 7)
    camera.sink.close()
    camera.sink.close()
    assert camera.told[1:] == [("end", last)]
    assert camera.recorder.changes[-1].incident.end == 1002.0


def test_a_camera_without_a_frame():
    camera = Camera()
    camera.sink.close()
    assert camera.recorder.calls == 0


def test_a_picture_that_others_have_made_is_shared():
    camera = Camera()
    frame = Frame(CANVAS)
    frame.picture = shared = Picture(CANVAS)
    camera.sink.write(frame, CANVAS, frame.detections)
    assert frame.picture is shared
    other = frame.picture = Picture(CANVAS.copy())
    camera.sink.write(frame, CANVAS, frame.detections)
    assert frame.picture is not other


def test_the_recorder_is_told_only_when_there_is_something():
    camera = Camera()
    for time in np.arange(0.0, 30.0, 0.1).tolist():
        camera.frame(time, 7)
    assert camera.recorder.calls == 3  # at the begin, and every ten seconds after that
    assert list(camera.recorder.seen.values()) == [pytest.approx(1020.0, abs=0.2)]
