"""The page in Chromium, headless, with the clock in its pictures read back from its canvases."""

import shutil
import threading
import time
from typing import Any, List, Optional

from app.errors import SourceError
from tools.camera_servers.stamp import BITS, BLOCKS, stamp_of
from tools.soak.viewers.judged import Paint

PERIOD = 0.5  # seconds between two looks at what was painted

# Whatever is drawn on a canvas is read back: the levels of the blocks of its stamp, and when it was on the screen.
HOOK = """
window.painted = [];
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...words) {
  draw.apply(this, words);
  const { width, height } = this.canvas, side = width / BLOCKS;
  if (height < side) return;
  const row = this.getImageData(0, Math.floor(side / 2), width, 1).data;
  const level = (block) => {
    const first = Math.floor((block + .25) * side), last = Math.max(first + 1, Math.ceil((block + .75) * side));
    let sum = 0;
    for (let x = first; x < last; x += 1) sum += row[4 * x + 1];
    return sum / (last - first);
  };
  const levels = Array.from({ length: BLOCKS }, (_, block) => level(block));
  const place = [...document.querySelectorAll("canvas")].indexOf(this.canvas);
  requestAnimationFrame(() => window.painted.push([place, width, Date.now(), levels]));
};
""".replace("BLOCKS", str(BLOCKS))


class Browser:
    """A context manager that opens a page, and notes what is painted there until it is closed. paints: that."""

    def __init__(self, port: int, width: int = 1280, height: int = 900) -> None:
        """port: of the live view on this machine. width, height: of the window, in pixels."""
        self.paints: List[Paint] = []
        self._driver = _start()
        self._driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HOOK})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self._driver.get(f"http://127.0.0.1:{port}/")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        while not self._ended.wait(PERIOD):
            found = self._driver.execute_script("const found = window.painted; window.painted = []; return found")
            offset = time.time() - time.monotonic()
            self.paints += [
                Paint(place, at / 1000 - offset, taken(stamp_of(levels), at / 1000 - offset), width, tuple(levels))
                for place, width, at, levels in found
            ]

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()
        self._driver.quit()


def taken(stamp: Optional[int], now: float) -> Optional[float]:
    """When a picture was taken, in seconds, by its stamp of milliseconds, which wraps round; None where it has none."""
    if stamp is None:
        return None
    age = (round(1000 * now) - stamp) % (1 << BITS)
    age -= (1 << BITS) if age >= 1 << BITS - 1 else 0  # clocks differ by a millisecond
    return now - age / 1000


def why_not() -> Optional[str]:
    """Why there is no browser here; None if there is one."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed: pip install selenium"
    return None if _chromium() and shutil.which("chromedriver") else "there is no chromium: make test-packages"


def _chromium() -> Optional[str]:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _start() -> Any:
    reason = why_not()
    if reason is not None:
        raise SourceError(f"the page is looked at with a browser: {reason}")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _chromium() or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
