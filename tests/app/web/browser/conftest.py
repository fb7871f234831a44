"""The live view in a real, headless Chromium, which films itself: cameras here are threads that write images.

make test-packages                             # chromium and chromedriver
npm install --no-save axe-core                 # in the repository; without it the tests of accessibility are skipped
python -m pytest -m verify tests/app/web/browser
"""

import shutil
import threading
import time

import pytest
from support.live import Cameras

from app.tracking.events import Event, Sighting
from app.web.server import LiveView

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PATIENCE = 60  # seconds
SCREENS = {"desktop": (1280, 800), "phone": (390, 844)}
THING = Sighting(7, "person", 0, 0.9, [100.0, 100.0, 160.0, 200.0])
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

    def __init__(self, *names):
        super().__init__(*names)
        self.clock.now = time.monotonic
        for channel in self.channels.values():
            channel.timing.now = time.monotonic
            channel.watch = Watch()
        self.size = (640, 480)
        self.events = []
        self.dead = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._film, daemon=True)

    def serve(self, **options):
        """A live view of these cameras, which film from now on."""
        live = LiveView("127.0.0.1:0", self.run, announce=False, **options)
        self.hub = live.hub
        self.views = {name: live.sink(name) for name in self.channels}
        self._thread.start()
        return live

    def _film(self):
        number = 0
        while not self._ended.wait(1 / self.FPS):
            number += 1
            events, self.events = self.events, []
            for name in set(self.views) - self.dead:
                self.film(name, number % 200 + 50, ["person", "dog", "dog"], events, self.size)
                events = []

    def close(self):
        self._ended.set()
        self._thread.join()


class Page:
    """What a browser shows. asked: the paths that it has asked for, since the last look."""

    def __init__(self, driver, url):
        self.driver = driver
        self.url = url

    def open(self, path="/", screen="desktop", scheme="light"):
        width, height = SCREENS[screen]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(self.url + path)

    def run(self, script, *arguments):
        return self.driver.execute_script("return " + script, *arguments)

    def text(self, selector="body"):
        return self.run("document.querySelector(arguments[0]).innerText", selector)

    def until(self, script, *arguments):
        """Wait for a script to have a value that is true; the value."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self.run(script, *arguments)
            if found:
                return found
            assert time.monotonic() < deadline, "{}: {!r}; {}".format(script, found, self.text())
            time.sleep(0.05)

    def moves(self, selector):
        """Wait until a canvas has shown three different pictures."""
        grey = "[...document.querySelector(arguments[0]).getContext('2d').getImageData(50, 50, 1, 1).data].join()"
        seen = set()
        deadline = time.monotonic() + PATIENCE
        while len(seen) < 3:
            seen.add(self.run(grey, selector))
            assert time.monotonic() < deadline, (selector, seen)

    def said(self):
        """What the console said that is an error or a warning, but for a warning of how `moves` reads a canvas."""
        entries = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        return [entry["message"] for entry in entries if "getImageData" not in entry["message"]]


@pytest.fixture(scope="session")
def driver():
    webdriver = pytest.importorskip("selenium.webdriver")
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium with its chromedriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield started
    started.quit()


@pytest.fixture
def look(driver, tmp_path, monkeypatch):
    """Starts cameras and the view of them; the page in the browser, with `cameras` and `live`."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    opened = []

    def start(*names, **options):
        cameras = Filming(*names)
        live = cameras.serve(**options)
        opened.extend((cameras, live))
        driver.get_log("browser")
        page = Page(driver, live.url.rstrip("/"))
        page.cameras, page.live = cameras, live
        return page

    yield start
    driver.get("about:blank")
    for one in opened:
        one.close()


@pytest.fixture
def event():
    """Makes an event of the tracked person."""
    return lambda kind, **fields: Event(kind, 1.0, THING, **fields)
