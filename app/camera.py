"""Live sources: a camera, drained by a thread into a mailbox that holds the newest frame only."""

import glob
import os
import threading
import time
from typing import Iterator, List, Optional

import cv2

from app.errors import SourceError, warn
from app.frame import CLOSE_LIMIT, WAIT, Frame, Source


class Camera(Source):
    """A V4L2 camera, by number (`0`) or by path (`/dev/video0`, `/dev/v4l/by-id/...`).

    Every frame is handed out once at most; those that nobody took in time are dropped, and leave a gap in `index`.
    """

    live = True

    def __init__(
        self, uri: str, width: Optional[int] = None, height: Optional[int] = None, fps: Optional[float] = None
    ) -> None:
        """Open the camera and ask for a resolution and a rate. Raises SourceError when there is no such camera."""
        self.name = uri
        device = "/dev/video" + uri if uri.isdigit() else uri
        if not os.path.exists(device):
            raise SourceError("camera {}: there is no {}; {}".format(uri, device, _those_present()))
        # By number: OpenCV 4.1.1 opens some cameras only so. The link of a by-id path leads to one.
        number = os.path.realpath(device).replace("/dev/video", "")
        self._capture = cv2.VideoCapture(int(number) if number.isdigit() else device, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError("camera {}: cannot be opened; is it in use, or not yours to read?".format(uri))
        asked = ((cv2.CAP_PROP_FRAME_WIDTH, width), (cv2.CAP_PROP_FRAME_HEIGHT, height), (cv2.CAP_PROP_FPS, fps))
        for setting, value in asked:
            if value:
                self._capture.set(setting, value)
        got = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = got if 0 < got < 1000 else None

        self._mail = threading.Condition()
        self._newest: Optional[Frame] = None
        self._failed = False
        self._closed = False
        self._thread = threading.Thread(target=self._drain, name="camera", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Optional[Frame]]:
        while True:
            with self._mail:
                self._mail.wait_for(lambda: self._newest is not None or self._failed, WAIT)
                frame, self._newest = self._newest, None
                failed = self._failed
            if frame is None and failed:
                raise SourceError("camera {}: gives no more frames; unplugged?".format(self.name))
            yield frame

    def close(self) -> None:
        self._closed = True
        self._thread.join(CLOSE_LIMIT)
        if self._thread.is_alive():
            warn("camera {}: its reading thread hangs in the driver".format(self.name))
        else:
            self._capture.release()

    def _drain(self) -> None:
        index = 0
        while not self._closed:
            try:
                good, image = self._capture.read()
            except cv2.error:
                good = False
            captured_at = time.monotonic()
            with self._mail:
                if good:
                    self._newest = Frame(image, index, captured_at)
                else:
                    self._failed = True
                self._mail.notify()
            if not good:
                return
            index += 1


def _those_present() -> str:
    cameras: List[str] = sorted(glob.glob("/dev/video*"))
    return "there are: " + ", ".join(cameras) if cameras else "no camera is connected"
