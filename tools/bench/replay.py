"""A video file as a camera delivers it: a frame at each tick of its rate, whether or not anybody takes it."""

import time
from typing import Any, Optional, Tuple

import numpy as np

from app.errors import SourceError
from app.sources.capture import Device
from app.timing.pacing import Pacer
from tools.camera_servers.footage import endless

WELL, HANGS, DEAD = "well", "hangs", "dead"
POLL = 0.02  # seconds between two looks at the state, while it hangs


class Replay(Device):
    """A device for `app.sources.camera.Camera`, which repeats the video without end, and can fail on command.

    state: may be changed at any time, by any thread. WELL; HANGS: opening and reading block, as in a driver; DEAD:
    they fail.
    """

    patience = 1.0  # as a stream's

    def __init__(self, path: str, fps: float, name: str = "") -> None:
        self.name = name or path
        self.fps = fps
        self.state = WELL
        self._path = path

    def open(self) -> "Playback":
        if not self.answers():
            raise SourceError("is dead, as it was told")
        return Playback(self, self._path, self.fps or 0.0)

    def answers(self) -> bool:
        """Whether it works, once it no longer hangs."""
        while self.state == HANGS:
            time.sleep(POLL)
        return self.state == WELL


class Playback:
    """One opening of a `Replay`, with the methods of cv2.VideoCapture that a camera uses."""

    def __init__(self, device: Replay, path: str, fps: float) -> None:
        """Raises SourceError for an unreadable video."""
        self._device = device
        self._images: Optional[Any] = endless(path)
        self._pacer = Pacer(fps)

    def read(self) -> Tuple[bool, Optional[np.ndarray]]:
        """The next frame, decoded when it is due."""
        if self._images is None or not self._device.answers():
            return False, None  # at once, as from a stream that has ended
        self._pacer.wait()
        return True, next(self._images)

    def release(self) -> None:
        """Close the file."""
        self._images = None
