"""Frames as a camera of another resolution would have taken them, for a sweep over resolutions on one input."""

from typing import Callable, Optional

import cv2
import numpy as np

from app.frame import Frame, Source, nothing


class Recaptured(Source):
    """A source whose frames fit within `width` x `height`: larger ones are shrunk by area, as a sensor bins its pixels.

    Smaller ones stay as they are: enlarging adds no information. Works in the source's own thread, where a camera's
    image would be ready too, so that it does not count as the loop's work.
    """

    def __init__(self, source: Source, width: int, height: int) -> None:
        """Takes over `source`: it is closed with this one."""
        self._source = source
        self._within = width, height
        self.name, self.files, self.live = source.name, source.files, source.live
        self.fps, self.count = source.fps, source.count

    def start(
        self,
        prepare: Optional[Callable[[Frame], None]] = None,
        arrived: Callable[[], None] = nothing,
        *,
        low_priority: bool = True,
    ) -> None:
        def shrink_first(frame: Frame) -> None:
            frame.image = shrink(frame.image, *self._within)
            if prepare is not None:
                prepare(frame)

        self._source.start(shrink_first, arrived, low_priority=low_priority)

    def take(self, seconds: float = 0.0) -> Optional[Frame]:
        frame = self._source.take(seconds)
        if frame is not None:  # a camera's frame from before the start is shrunk here
            frame.image = shrink(frame.image, *self._within)
        self.captured, self.outage = self._source.captured, self._source.outage
        self.reconnects, self.ended = self._source.reconnects, self._source.ended
        return frame

    def end(self) -> None:
        self._source.end()

    def close(self) -> None:
        self._source.close()


def shrink(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """An image (h, w, 3) shrunk to fit within `width` x `height`, in proportion; itself if it fits already."""
    scale = min(width / image.shape[1], height / image.shape[0])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
