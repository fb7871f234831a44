"""The live view in a real, headless Chromium.

`make test-packages` installs it, with its driver. The tests of accessibility are skipped unless axe-core is in the
repository's folder: npm install --no-save axe-core
"""

import shutil
import time

import pytest

from app.tracking.events import Event, Sighting

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PATIENCE = 60  # seconds
SCREENS = {"desktop": (1280, 800), "phone": (390, 844)}
THING = Sighting(7, "person", 0, 0.9, [100.0, 100.0, 160.0, 200.0])


class Page:
    """What a browser shows."""

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
        self.until("document.querySelector(arguments[0])", selector)
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
def look(driver, filmed):
    """Starts cameras and the view of them; the page in the browser, with `cameras` and `live`."""

    def start(*names, **options):
        live = filmed(*names, **options)
        driver.get_log("browser")
        page = Page(driver, live.url.rstrip("/"))
        page.cameras, page.live = live.cameras, live
        return page

    yield start
    driver.get("about:blank")


@pytest.fixture
def event():
    """Makes an event of the tracked person."""
    return lambda kind, **fields: Event(kind, 1.0, THING, **fields)
