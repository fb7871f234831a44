"""The window. Importing this file needs neither numpy nor OpenCV: the doctor asks it for the display."""

import ctypes
import ctypes.util
import os
import sys
from typing import TYPE_CHECKING, Callable

from app.errors import OutputError
from app.sinks import Sink

if TYPE_CHECKING:
    import numpy as np

    from app.detections import Detections
    from app.frame import Frame

LARGEST = 1280, 800  # pixels of a window that has just been opened


class WindowSink(Sink):
    """A window. `on_close` is called when the user closes it, or presses q or Escape.

    Used from one thread only, which need not be the main one. It shows the newest image that it has time for.
    """

    name = "the window"
    queue_size = 1

    def __init__(self, title: str, on_close: Callable[[], None]) -> None:
        """Raises OutputError when there is no display."""
        import cv2

        if not display_available():
            raise OutputError("there is no display for a window; use --no-show, or set DISPLAY (ssh -X does)")
        self._cv2 = cv2
        self._title = title
        self._on_close = on_close
        self._open = False

    def write(self, frame: "Frame", canvas: "np.ndarray", detections: "Detections") -> None:
        self.show(canvas)

    def idle(self, canvas: "np.ndarray", outage: str) -> None:
        self.show(canvas)

    def show(self, canvas: "np.ndarray") -> None:
        """Show an image (h, w, 3) uint8 BGR, and obey the keys. Raises OutputError."""
        cv2 = self._cv2
        try:
            if not self._open:
                cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
                scale = min(1.0, LARGEST[0] / canvas.shape[1], LARGEST[1] / canvas.shape[0])
                sides = [max(1, int(side * scale)) for side in (canvas.shape[1], canvas.shape[0])]
                cv2.resizeWindow(self._title, sides[0], sides[1])
                self._open = True
            cv2.imshow(self._title, canvas)
            key = cv2.pollKey() if hasattr(cv2, "pollKey") else cv2.waitKey(1)
        except cv2.error as error:
            raise OutputError(f"this OpenCV cannot show a window ({error.err}); use --no-show") from error
        if key & 0xFF in (ord("q"), 27) or not self._is_visible():
            self._open = False
            self._on_close()

    def _is_visible(self) -> bool:
        try:
            return bool(self._cv2.getWindowProperty(self._title, self._cv2.WND_PROP_VISIBLE) >= 1)
        except self._cv2.error:  # OpenCV 5, once the last window is gone
            return False

    def close(self) -> None:
        if self._open:
            self._cv2.destroyWindow(self._title)


def display_available() -> bool:
    """Whether a window can be shown. Checked first, because OpenCV's Qt ends the whole process where it cannot."""
    if not sys.platform.startswith("linux"):
        return True
    if not os.environ.get("DISPLAY"):
        return False
    name = ctypes.util.find_library("X11")
    if name is None:
        return True  # cannot tell
    x11 = ctypes.CDLL(name)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if not display:
        return False
    x11.XCloseDisplay(ctypes.c_void_p(display))
    return True
