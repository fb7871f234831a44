"""Where frames go: the contract of a sink. Imports neither numpy nor OpenCV, since the doctor looks in here."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from app.detections import Detections
    from app.frame import Frame

DISK_QUEUE = 8  # frames that may wait for a slow disk


class Sink:
    """Takes every frame, in order. A context manager.

    name: for people. wants_canvas: whether it shows the image, so that boxes have to be drawn on it.
    queue_size: how many frames may wait for it. A sink with a queue is written in a thread of its own, and skips frames
    when it is slow; one without is quick, and gets every frame.
    lossless: whether a sink with a queue still gets every frame of a file. may_block: whether a quick one may hang.
    """

    name = "a sink"
    wants_canvas = True
    queue_size = 0
    lossless = False
    may_block = False

    def write(self, frame: "Frame", canvas: "np.ndarray", detections: "Detections") -> None:
        """Take one frame: its record, the image with the overlay (h, w, 3) uint8 BGR, and what was found.

        Raises OutputError when it cannot be written.
        """
        raise NotImplementedError

    def idle(self, canvas: "np.ndarray", outage: str) -> None:
        """Take an image that is not a frame: the last one, with the reason for the outage drawn on it."""

    def reopen(self) -> None:
        """Continue in a new file where the old one has been moved away, as logrotate does. Raises OutputError."""

    def close(self) -> None:
        """Finish the output. Closing twice is allowed. Raises OutputError when it is incomplete."""

    def __enter__(self) -> "Sink":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
