"""What of a camera's frames the broker gets to know."""

import json

import numpy as np
import pytest
from support.fakes import FakeClock
from support.outboxes import change

from app.detections import Detections
from app.frame import Frame
from app.notify.camera import CameraState
from app.notify.retained import Retained
from app.tracking.places import read_line, read_zone
from app.tracking.watch import Watch

LABELS = ("person", "traffic light", "dog")
BASE = "nanoyolo/nano/yard"
DESCRIPTION = "homeassistant/device/nanoyolo_nano_yard/config"


class Camera:
    """A camera's state, and what the broker would have."""

    def __init__(self, watch=None, **options):
        self.clock = FakeClock()
        self.retained = Retained()
        self.watch = watch
        self.state = CameraState("yard", self.retained, "nanoyolo/nano", watch=watch, now=self.clock.now, **options)
        self.kept = {}

    def show(self, *found, seconds=0.1):
        """A frame with things: (class, left), 10 pixels wide."""
        self.clock.time += seconds
        boxes = np.array([[left, 10, left + 10, 30] for _, left in found], np.float32).reshape(-1, 4)
        classes = np.array([index for index, _ in found], np.int32)
        frame = Frame(np.zeros((48, 64, 3), np.uint8), captured_at=self.clock.time - 0.05, time=self.clock.time)
        frame.detections = Detections(boxes, np.full(len(found), 0.9, np.float32), classes, LABELS)
        if self.watch is not None:
            self.watch.fit((64, 48))
            self.watch.update(frame)
        self.state.write(frame, frame.image, frame.detections)
        return frame

    def read(self, topic):
        """What the broker keeps below the camera's topic."""
        for name, value in self.retained.take(1000, (), (0, 1)).items():
            self.kept[name] = value.payload
        return self.kept.get(topic if "/" in topic else BASE + "/" + topic)


def test_a_camera_is_online_with_its_first_frame_and_offline_in_an_outage():
    camera = Camera()
    assert camera.read("status") == b"offline"
    camera.show()
    assert camera.read("status") == b"online"
    camera.state.idle(np.zeros((48, 64, 3), np.uint8), "unplugged")
    assert camera.read("status") == b"offline"
    camera.show()
    camera.state.close()
    assert camera.read("status") == b"offline"


def test_a_camera_that_is_closed_leaves_no_count_behind():
    watch = Watch([read_line("door:32,0-32,48")], [read_zone("left:0,0-30,0-30,48-0,48")])
    camera = Camera(watch)
    for left in [0] * 8 + [8, 16, 24, 32, 40, 48]:
        camera.show((0, left), (1, 5))
    assert camera.read("person") == camera.read(BASE + "/zones/left/traffic_light") == b"1"
    camera.state.close()
    assert [camera.read(BASE + name) for name in ("/status", "/person", "/zones/left/traffic_light")] == [
        b"offline", b"0", b"0",
    ]  # fmt: skip
    assert sorted(camera.read(BASE + "/lines/door/" + name) for name in ("in", "out")) == [b"0", b"1"]


def test_a_camera_that_is_open_again_is_not_told_to_be_closed():
    camera = Camera()
    camera.show((0, 0))
    camera.state.replaced = True
    camera.state.close()
    assert (camera.read("status"), camera.read("person")) == (b"online", b"1")


def test_counts_zero_included():
    camera = Camera(labels=["dog"])
    camera.show((0, 0), (0, 30), (1, 50))
    assert [camera.read(label) for label in ("person", "traffic_light", "dog")] == [b"2", b"1", b"0"]
    camera.show()
    assert camera.read("person") == b"2"  # perhaps missed
    for _ in range(11):
        camera.show()
    assert camera.read("person") == b"0"


def test_nothing_is_seen_in_an_outage():
    camera = Camera()
    camera.show((0, 0))
    for _ in range(2):
        camera.state.idle(np.zeros((48, 64, 3), np.uint8), "unplugged")
        camera.clock.time += 1.1
    assert camera.read("person") == b"0"


def test_zones_and_lines_of_what_is_tracked():
    watch = Watch([read_line("door:32,0-32,48")], [read_zone("left:0,0-30,0-30,48-0,48")])
    camera = Camera(watch)
    for step in range(12):
        camera.show((0, 4 * step))
    assert camera.read(BASE + "/zones/left/person") == b"0"
    totals = {name: camera.read(BASE + "/lines/door/" + name) for name in ("in", "out")}
    assert sorted(totals.values()) == [b"0", b"1"]
    assert camera.read("person") == b"1"


def test_what_is_in_a_zone():
    camera = Camera(Watch([], [read_zone("left:0,0-30,0-30,48-0,48")]))
    for _ in range(12):
        camera.show((0, 5))
    assert camera.read(BASE + "/zones/left/person") == b"1"


def test_a_label_that_is_new_gets_entities_a_little_later():
    camera = Camera()
    camera.show((0, 0))
    assert "label_dog" not in json.loads(camera.read(DESCRIPTION).decode())["cmps"]
    camera.show((2, 0))
    assert "label_dog" not in json.loads(camera.read(DESCRIPTION).decode())["cmps"]
    camera.show(seconds=5)
    assert {"label_dog", "label_person"} <= set(json.loads(camera.read(DESCRIPTION).decode())["cmps"])


def test_what_an_earlier_run_has_counted_is_0_and_has_entities():
    camera = Camera()
    camera.state.earlier(BASE + "/traffic_light")
    camera.state.earlier(BASE + "/unicorn")
    assert camera.read("traffic_light") == camera.read("unicorn") == b"0"
    camera.show()
    assert camera.read("traffic_light") == b"0"
    assert camera.read("unicorn") == b""  # the model has no such label: the broker forgets it
    assert "label_traffic_light" in json.loads(camera.read(DESCRIPTION).decode())["cmps"]


@pytest.mark.parametrize("topic", ["lines/gate/in", "zones/gone/person"])
def test_lines_and_zones_of_an_earlier_run_that_are_no_more_are_removed(topic):
    camera = Camera(Watch([], [read_zone("left:0,0-30,0-30,48-0,48")]))
    camera.state.earlier(BASE + "/" + topic)
    assert camera.read(BASE + "/" + topic) == b""


def test_what_is_published_anyway_is_not_taken_for_an_earlier_run():
    camera = Camera()
    camera.show((0, 0))
    for topic in ("person", "diagnostics", "event"):
        camera.state.earlier(BASE + "/" + topic)
    assert camera.read("person") == b"1"
    assert camera.read("event") is None


def test_a_picture_of_a_new_event():
    camera = Camera()
    camera.state.changed(change(), camera.show((0, 0)))
    assert not camera.state.pictures()
    frame = camera.show((0, 0))
    assert camera.state.pictures() == {BASE + "/person/snapshot": frame.picture}
    camera.state.changed(change(2, "end"), frame)
    camera.show()
    assert not camera.state.pictures()


def test_a_picture_that_others_have_encoded_is_used():
    camera = Camera()
    camera.state.changed(change(), None)
    frame = Frame(np.zeros((48, 64, 3), np.uint8))
    frame.picture = shared = object()
    camera.state.write(frame, frame.image, frame.detections)
    assert list(camera.state.pictures().values()) == [shared]


def test_pictures_are_not_too_many():
    camera = Camera()
    for step in range(5):
        camera.state.changed(change(step + 1), None)
        camera.show((0, 0))
    assert len(camera.state.pictures()) == 1
    camera.state.changed(change(), None)
    camera.show((0, 0), seconds=1.0)
    assert not camera.state.pictures()  # two seconds have not passed


def test_rates():
    camera = Camera()
    for _ in range(101):
        camera.show()
    assert json.loads(camera.read("diagnostics").decode()) == {"fps": 10.0, "latency_ms": 50}
