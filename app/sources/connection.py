"""One opening of a live device, read by a thread which may hang in it for ever."""

import threading
import time
from typing import Any, Callable, Optional

import cv2
import numpy as np

from app.address import redacted
from app.errors import SourceError
from app.sources.capture import Device
from app.timing import Now

PAUSE = 0.01  # seconds to wait after a picture that was none

Deliver = Callable[["Connection", np.ndarray, float], None]


class Connection:
    """One opening of a device, in a thread of its own that reads it to its end.

    retired: set when nobody wants its pictures any more. ended: set when it holds nothing any more; `reason` says why.
    frames: how many it gave; interval: the mean seconds between them. last: the last one, of a device that repeats.
    """

    def __init__(self, device: Device, deliver: Deliver, before: Optional[np.ndarray], now: Now) -> None:
        """before: the last picture of the connection before this one."""
        self.retired = False
        self.ended = threading.Event()
        self.reason = "not wanted any more"
        self.frames = 0
        self.interval = 0.0
        self._device = device
        self._deliver = deliver
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
        except BaseException as error:  # a bug: told, and tried again like any other failure
            self.reason = redacted("{}: {}".format(type(error).__name__, " ".join(str(error).split())))
        finally:
            self.ended.set()

    def _read(self, capture: Any) -> None:
        repeats = self._device.repeats
        first = 0.0
        while not self.retired:
            try:
                good, image = capture.read()
            except cv2.error:  # a damaged picture; if no good one follows, that is noticed outside
                time.sleep(PAUSE)
                continue
            now = self._now()
            if not good or image is None or not image.size:
                raise SourceError("gives no more frames" if self.frames else "gives no frames")
            if image.ndim != 3 or image.shape[2] != 3:
                raise SourceError("gives pictures of shape {}, which are not BGR".format(image.shape))
            if repeats and _same(image, self.last):
                if self.frames:
                    time.sleep(PAUSE)  # an unplugged camera may give its last picture for ever, and at once
                    continue
                repeats = False  # it could be opened again, and shows the same: a lens cap, or no camera but a film
            if repeats:
                self.last = image.copy()  # the loop draws on the picture itself
            if self.frames == 0:
                first = now
            else:
                self.interval = (now - first) / self.frames
            self.frames += 1
            self._deliver(self, image, now)


def _same(one: np.ndarray, other: Optional[np.ndarray]) -> bool:
    """Whether two pictures are the same to the bit. A few rows tell them apart, where they differ."""
    if other is None or one.shape != other.shape:
        return False
    return bool((one[::16] == other[::16]).all()) and bool((one == other).all())
