"""A live view over the network, of cameras that are threads."""

import threading
import time

from support.live import Cameras

from app.web.server import LiveView

PLACES = {
    "tracks": 3,
    "lines": {"kerb": {"in": {"person": 2, "car": 1}, "out": {}}},
    "zones": {"road": {"entered": {"person": 4}, "inside": 1, "mean_stay_s": 2.0}},
}


class Watch:
    """What a camera tracks: always the same."""

    lines, scene = (), None

    def report(self):
        return PLACES


class Filming(Cameras):
    """Cameras that deliver FPS images a second each, every one of another grey, until they are paused."""

    FPS = 10

    def __init__(self, *names, stored=None):
        """stored: has the store of the run."""
        super().__init__(*names, events=stored)
        self.clock.now = time.monotonic
        for channel in self.channels.values():
            self._prepare(channel)
        self.size = (640, 480)
        self.events = []
        self.dead = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._film, daemon=True)

    def serve(self, **options):
        """A live view of these cameras, which film from now on."""
        live = LiveView("127.0.0.1:0", self.run, announce=False, **options)
        self.hub = live.hub
        self.views = {name: live.sink(name) for name in self.channels}
        self._thread.start()
        return live

    @staticmethod
    def _prepare(channel):
        channel.timing.now = time.monotonic
        channel.watch = Watch()

    def change(self, *names):
        """From now on these are the cameras, as after a reload: those that stay go on."""
        with self._lock:
            for name in set(self.channels) - set(names):
                self.views.pop(name).close()
            channels = {name: self.channels.get(name) or self._channel(name) for name in names}
            for name in set(names) - set(self.channels):
                self._prepare(channels[name])
            self.channels = channels
            self.views = {name: self.views.get(name) or self.hub.open(name) for name in names}

    def _film(self):
        number = 0
        while not self._ended.wait(1 / self.FPS):
            number += 1
            events, self.events = self.events, []
            with self._lock:
                for name in set(self.views) - self.dead:
                    self.film(name, number % 200 + 50, ["person", "dog", "dog"], events, self.size)
                    events = []

    def close(self):
        self._ended.set()
        self._thread.join()
