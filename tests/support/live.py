"""A live view without a network: cameras that get frames from the test, and a client's transport that keeps bytes."""

import threading

import numpy as np
from support.fakes import FakeClock
from support.heads import CARD, LABELS, quiet_heads

from app.backends.fake import FakeBackend
from app.detections import Detections
from app.detector import Detector
from app.frame import Frame, Source
from app.loop.channel import Channel
from app.web.access import Access, Failures
from app.web.clients import Clients
from app.web.connection import Connection
from app.web.hub import Hub
from app.web.mosaic import Overview
from app.web.routes import Site
from app.web.state import Run, State

TOKEN = "0123456789abcdef" * 2
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"


class QuietBoard:
    """A machine that says nothing of itself."""

    def temperature(self):
        return None

    def power(self):
        return None


class Cameras:
    """Named cameras with the hub that they write to. clock: of the hub and of the rates."""

    def __init__(self, *names, events=None):
        """events: has the store of the run."""
        self.clock = FakeClock()
        self.hub = Hub(self.clock.now, stored=events is not None)
        self.channels = {name: self._channel(name) for name in names}
        self.views = {name: self.hub.open(name) for name in names}
        self.overview = Overview(self.hub)
        self.viewers = {"page": 0, "stream": 0}
        self.run = Run(lambda: self.channels, lambda: {"kind": "detect", "frames": 3}, events, self._figures)
        self.state = State(self.hub, self.overview, self.run, lambda: self.viewers)
        self.site = Site(self.hub, self.overview, self.state, QuietBoard())

    def _figures(self):
        figures = getattr(self.run.events, "figures", None)
        return figures() if figures is not None else {}

    def _channel(self, name):
        source = Source()
        source.name, source.live = "a camera", True
        channel = Channel(source, Detector(FakeBackend(quiet_heads(64, 64)), CARD, size=64), name=name)
        channel.timing.now = self.clock.now
        return channel

    def film(self, name, brightness=0, labels=(), events=None, size=(64, 48)):
        """A frame of a camera, with things of these labels in it. It was captured a tenth of a second ago."""
        frame = Frame(np.full((size[1], size[0], 3), brightness, np.uint8), captured_at=self.clock.now() - 0.1)
        classes = np.array([LABELS.index(label) for label in labels], np.int32)
        boxes = np.tile(np.float32([1, 2, 30, 40]), (len(labels), 1)).reshape(-1, 4)
        frame.detections = Detections(boxes, np.full(len(labels), 0.9, np.float32), classes, LABELS)
        frame.events = events
        self.views[name].write(frame, frame.image, frame.detections)
        frame.times.processed_at = frame.times.delivered_at = self.clock.now()
        frame.times.index = self.channels[name].timing.frames
        self.channels[name].timing.add(frame.times)
        self.channels[name].tally.add(frame.detections)
        return frame


class Transport:
    """What asyncio gives a protocol. stuck: the client takes nothing, so that what is written stays here."""

    def __init__(self):
        self.sent = b""
        self.stuck = False
        self.waiting = b""
        self.closed = self.aborted = self.reading_paused = False
        self.protocol = None

    def set_write_buffer_limits(self, high):
        assert high == 0

    def get_extra_info(self, name):
        return ("198.51.100.7", 4000) if name == "peername" else None

    def get_write_buffer_size(self):
        return len(self.waiting)

    def write(self, data):
        assert not self.closed
        assert not self.aborted
        if self.stuck:
            self.waiting += data
            self.protocol.pause_writing()
        else:
            self.sent += data

    def flow(self):
        """The client takes what was kept."""
        self.stuck = False
        self.sent, self.waiting = self.sent + self.waiting, b""
        self.protocol.resume_writing()

    def is_closing(self):
        return self.closed or self.aborted

    def pause_reading(self):
        assert not self.reading_paused, "Python 3.6 minds"
        self.reading_paused = True

    def resume_reading(self):
        assert self.reading_paused, "Python 3.6 minds"
        self.reading_paused = False

    def close(self):
        self.closed = True

    def abort(self):
        self.aborted = True


class Net:
    """Clients of one server. later: what is to be called, as (seconds, call)."""

    def __init__(self, cameras, token=None, **options):
        self.cameras = cameras
        self.later = []
        access = Access(token, port=8080, failures=Failures(cameras.clock.now), **options)
        self.clients = Clients(cameras.site, access, lambda *call: self.later.append(call), cameras.clock.now)
        self.arrived = threading.Event()

    def connect(self, data=b""):
        connection, transport = Connection(self.clients), Transport()
        transport.protocol = connection
        connection.connection_made(transport)
        if data:
            connection.data_received(data)
            self.run_later(once=any(one.plays for one in self.clients._open))
        return connection, transport

    def ask(self, path, headers=b"", method=b"GET"):
        """What a client gets for one request: status, headers by name, and body."""
        _, transport = self.connect(method + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
        return answer(transport.sent)

    def run_later(self, *, once=False):
        """Call what is to be called, and unless `once` what those want to be called, which never ends for a clip."""
        while self.later:
            calls, self.later = self.later, []
            for _, call in calls:
                call()
            if once:
                return


def answer(sent):
    """Status, headers by name in lower case, and body of what was sent."""
    head, _, body = sent.partition(b"\r\n\r\n")
    line, *rows = head.decode("latin-1").split("\r\n")
    headers = {}
    for row in rows:
        name, _, value = row.partition(": ")
        headers[name.lower()] = value
    return int(line.split()[1]), headers, body
