"""The real Home Assistant finds a camera, follows it, and knows when it is gone."""

import argparse
import os
import time

import numpy as np
import pytest
from support.home_assistant import HomeAssistant
from support.mosquitto import Listener, Mosquitto, needs_mosquitto
from support.outboxes import FakeStore, change, wait_for

from app import __version__
from app.command import Parser
from app.detections import Detections
from app.frame import Frame
from app.notify import open_notify
from app.notify.arguments import add_notifying
from app.tracking.places import read_line, read_zone
from app.tracking.watch import Watch

pytest.importorskip("paho.mqtt.client")

pytestmark = [
    pytest.mark.verify,
    pytest.mark.slow,
    needs_mosquitto,
    pytest.mark.skipif(
        "HOME_ASSISTANT_PYTHON" not in os.environ,
        reason="needs HOME_ASSISTANT_PYTHON: a Python with the package homeassistant",
    ),
]

LABELS = ("person", "traffic light")
PATIENCE = 300  # seconds: at its first start it installs what it lacks


class Film:
    """A person at the left, and then one more thing; the person walks through the zone and over the line."""

    def __init__(self, sink, watch):
        self.sink, self.watch = sink, watch
        self.index = 0

    def show(self, *found):
        """One frame with things: (class, left)."""
        boxes = np.array([[left, 100, left + 60, 300] for _, left in found], np.float32).reshape(-1, 4)
        frame = Frame(np.zeros((400, 600, 3), np.uint8), self.index, time.monotonic(), time=self.index / 10)
        classes = np.array([kind for kind, _ in found], np.int32)
        frame.detections = Detections(boxes, np.full(len(found), 0.9, np.float32), classes, LABELS)
        self.watch.fit((600, 400))
        self.watch.update(frame)
        self.sink.write(frame, frame.image, frame.detections)
        self.index += 1
        return frame


def test_home_assistant(tmp_path):
    os.mkdir(str(tmp_path / "broker"))
    with Mosquitto(tmp_path / "broker") as broker, HomeAssistant(tmp_path / "ha", broker.port) as hass:
        wait_for(hass.states, PATIENCE)
        parser, store = Parser(), FakeStore()
        add_notifying(parser)
        run = parser.parse_args(["--mqtt", "mqtt://127.0.0.1:%d" % broker.port])
        run = argparse.Namespace(**vars(run), serve="0.0.0.0:8080", serve_tls=None, model="tiny.onnx", store="s")
        watch = Watch([read_line("gate:300,0-300,400")], [read_zone("drive:0,0-290,0-290,400-0,400")])
        with open_notify(run, store) as notifier:
            film = Film(notifier.sink("yard", watch, ["person"]), watch)
            for _ in range(12):
                last = film.show((0, 0))

            def state(entity):
                return hass.states().get(entity)

            wait_for(lambda: state("binary_sensor.yard_person") == "on", PATIENCE)
            wait_for(lambda: state("sensor.yard_person_count") == "1", PATIENCE)
            wait_for(lambda: state("binary_sensor.yard_person_in_drive") == "on", PATIENCE)
            one = change(kind="enter", zones=("drive",))
            store.outbox("mqtt").put(one)
            notifier.changed(one, last)
            film.show((0, 0))
            wait_for(lambda: state("image.yard_person_picture") not in (None, "unknown"), PATIENCE)
            wait_for(lambda: state("event.yard_event") not in (None, "unknown"), PATIENCE)
            for left in range(0, 400, 8):
                film.show((0, left), (1, 500))
            wait_for(lambda: {state("sensor.yard_gate_" + name) for name in ("in", "out")} == {"0", "1"}, PATIENCE)
            wait_for(lambda: state("binary_sensor.yard_person_in_drive") == "off", PATIENCE)

            def sees_the_second():
                film.show((0, 392), (1, 500))
                return state("binary_sensor.yard_traffic_light") == "on"

            wait_for(sees_the_second, PATIENCE)
            (device,) = [one for one in hass.devices() if one[1] == "nanoyolo"]
            assert device[0] == "yard"
            assert device[2:4] == ["tiny.onnx", __version__]
            assert device[4].endswith(".local:8080/")
            with Listener(broker.port, "nanoyolo/#", clean=True) as listener:
                count = len(listener.messages)
                listener.publish("homeassistant/status", b"online")
                wait_for(lambda: len(listener.messages) > 2 * count)  # all of it again
            film.sink.close()
        wait_for(lambda: state("sensor.yard_person_count") == "unavailable", PATIENCE)
