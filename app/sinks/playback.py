"""What recordings of all formats share: when a frame plays, how it fits, and a name that is free."""

import os
from typing import Optional, Tuple

import numpy as np

from app.files import numbered
from app.letterbox import Letterbox


class Times:
    """When each frame of a recording plays: at its time in the film, and after the frames of the films before it."""

    def __init__(self, live: bool, fps: float) -> None:
        """live: the first frame plays at 0, whatever its time. fps: of a film that has only one frame."""
        self._live = live
        self._offset = 0.0
        self._first: Optional[float] = None  # the time of the first frame
        self._last = 0.0
        self._step = 1 / fps

    def next(self, time: float) -> float:
        """When the next frame plays, in seconds. time: in its film, which may have started again."""
        if self._first is None:
            self._first, self._offset = time, -time if self._live else 0.0
            self._last = time + self._offset
            return self._last
        seconds = time + self._offset
        if seconds < self._last or time == self._first:
            self._offset = self._last + self._step - time
            seconds = time + self._offset
        self._step, self._last = seconds - self._last or self._step, seconds
        return seconds


def fit(canvas: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Letterbox an image into (width, height)."""
    width, height = size
    if 0 <= canvas.shape[1] - width < 2 and 0 <= canvas.shape[0] - height < 2:
        return canvas[:height, :width]
    return Letterbox.into(canvas.shape[1], canvas.shape[0], width, height).apply(canvas)


def free_name(path: str) -> str:
    """The path, or the first of name-1, name-2, ... that does not exist."""
    number, name = 0, path
    while os.path.exists(name):
        number += 1
        name = numbered(path, number)
    return name
