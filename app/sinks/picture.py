"""An image that may be shown, and its JPEGs: one is encoded when somebody first wants it, and then shared by all."""

import threading
from typing import Callable, Dict, Optional

import cv2
import numpy as np

JPEG_QUALITY = 80
WIDTHS = (160, 240, 320, 480, 640, 960, 1280, 1920)  # that are made: few, so that viewers share them


class Picture:
    """An image that nobody changes any more. Several threads may ask for its JPEGs.

    number: which one of its camera, from 1. captured_at: when the frame was captured, on the monotonic clock.
    """

    __slots__ = ("image", "number", "captured_at", "_encoded", "_jpegs", "_lock")

    def __init__(
        self,
        image: np.ndarray,
        number: int = 0,
        captured_at: float = 0.0,
        encoded: Optional[Callable[[], None]] = None,
    ) -> None:
        """image: (h, w, 3) uint8 BGR. encoded: called whenever a JPEG is made."""
        self.image = image
        self.number = number
        self.captured_at = captured_at
        self._encoded = encoded
        self._jpegs: Dict[int, bytes] = {}  # by width
        self._lock = threading.Lock()

    def jpeg(self, width: Optional[int] = None) -> bytes:
        """The image as a JPEG, of its own size or, if that is smaller, of the next one of WIDTHS."""
        full = self.image.shape[1]
        width = full if width is None else min(full, next((one for one in WIDTHS if one >= width), full))
        with self._lock:  # who else wants it waits for it
            if width not in self._jpegs:
                self._jpegs[width] = encode(shrink(self.image, width))
                if self._encoded is not None:
                    self._encoded()
            return self._jpegs[width]


def shrink(image: np.ndarray, width: int) -> np.ndarray:
    """An image (h, w, 3) uint8 at this width, which is at most its own."""
    if width >= image.shape[1]:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def encode(image: np.ndarray) -> bytes:
    """An image (h, w, 3) uint8 BGR as a JPEG."""
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())


def jpeg_of(canvas: np.ndarray, shared: Optional[Picture]) -> bytes:
    """An image (h, w, 3) uint8 BGR as a JPEG: the one that others use as well, if `shared` is of this image."""
    return shared.jpeg() if shared is not None and shared.image is canvas else encode(canvas)
