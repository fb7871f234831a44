"""What the terminal shows: one line at the start, and a progress bar."""

import numpy as np

from app.detections import Detections
from app.errors import say
from app.frame import Frame
from app.sinks import Sink


class Announcement(Sink):
    """Prints a line with the first frame, after everything that could go wrong before it."""

    wants_canvas = False

    def __init__(self, line: str) -> None:
        self._line = line

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        if self._line:
            say(self._line)
            self._line = ""


class ProgressSink(Sink):
    """A progress bar on standard error, for sources whose length is known."""

    wants_canvas = False

    def __init__(self, frames: int) -> None:
        from tqdm import tqdm  # here, since a program without a terminal does not need it

        self._bar = tqdm(total=frames, unit=" frames", leave=False, dynamic_ncols=True)

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        self._bar.update()

    def close(self) -> None:
        self._bar.close()
