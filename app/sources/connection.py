"""One opening of a live device, read by a thread that may hang in it forever."""

import threading
import time
from typing import Any, Callable, Optional

import cv2
import numpy as np

from app.address import redacted
from app.errors import SourceError
from app.sources.capture import Device
from app.timing import Now

PAUSE = 0.01  # seconds to wait after an image that could not be used
# A read that fails is an image that cannot be decoded, or the end of the stream, after which each fails at once.
AT_ONCE = 0.002  # seconds
MOST_FAILURES = 20  # at once and in a row: the stream has ended
SILENCE = 4.0  # seconds that a read may fail to deliver anything before the stream counts as ended

Deliver = Callable[["Connection", np.ndarray, float], None]


class Connection:
    """One opening of a device, in a thread of its own that reads it to its end.

    retired: its images are no longer wanted. ended: it has released the device; `reason` says why. frames: how many it
    delivered. interval: the mean seconds between them. last: the last image, of a device that may repeat it.
    """

    def __init__(
        self, device: Device, deliver: Deliver, lost: Callable[[int], None], before: Optional[np.ndarray], now: Now
    ) -> None:
        """deliver: called with each image; lost: with the number of those before it that could not be decoded.

        before: the last image of the previous connection.
        """
        self.retired = False
        self.ended = threading.Event()
        self.reason = "no longer wanted"
        self.frames = 0
        self.interval = 0.0
        self._device = device
        self._deliver = deliver
        self._lost = lost
        self.last = before
        self._now = now
        self.thread = threading.Thread(target=self._run, name="camera", daemon=True)

    def _run(self) -> None:
        try:
            capture = self._device.open()
            try:
                self._read(capture)
            finally:
                capture.release()
        except SourceError as error:
            self.reason = str(error)
        except BaseException as error:  # a bug: reported, and retried like any other failure
            self.reason = redacted(f"{type(error).__name__}: {' '.join(str(error).split())}")
        finally:
            self.ended.set()

    def _next(self, capture: Any) -> Optional[np.ndarray]:
        """The next image that can be decoded; None once no more are wanted. Raises SourceError at the stream's end."""
        failures = at_once = 0
        while not self.retired:
            began = time.monotonic()
            try:
                good, image = capture.read()
            except cv2.error:  # an image that cannot be decoded; the camera notices if no good one follows
                failures, at_once = failures + 1, 0
                time.sleep(PAUSE)
                continue
            if good and image is not None and image.size:
                if failures:
                    self._lost(failures)
                return np.asarray(image)
            took = time.monotonic() - began
            failures, at_once = failures + 1, at_once + 1 if took < AT_ONCE else 0
            if at_once > MOST_FAILURES or took > SILENCE:
                raise SourceError("the stream ended" if self.frames else "delivers no frames")
        return None

    def _read(self, capture: Any) -> None:
        repeats = self._device.repeats
        first = 0.0
        while not self.retired:
            image = self._next(capture)
            if image is None:
                return
            now = self._now()
            if image.ndim != 3 or image.shape[2] != 3:
                raise SourceError(f"delivers images of shape {image.shape}, which are not BGR")
            if repeats and _same(image, self.last):
                if self.frames:
                    time.sleep(PAUSE)  # an unplugged camera may repeat its last image forever, without delay
                    continue
                repeats = False  # reopened, and still the same image: a lens cap, or a film, not a camera
            if repeats:
                self.last = image.copy()  # the loop draws on the picture itself
            if self.frames == 0:
                first = now
            else:
                self.interval = (now - first) / self.frames
            self.frames += 1
            self._deliver(self, image, now)


def _same(one: np.ndarray, other: Optional[np.ndarray]) -> bool:
    """Whether two images are identical. Where they differ, a few rows are usually enough to tell."""
    if other is None or one.shape != other.shape:
        return False
    return bool((one[::16] == other[::16]).all()) and bool((one == other).all())
