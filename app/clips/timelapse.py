"""A time-lapse: one picture in so many, which play at 25 FPS; a file for each day."""

import time
from typing import Callable, Dict, Tuple

import numpy as np

from app.clips.archive import Archive
from app.clips.reel import QUEUE, Reel
from app.clips.ring import Shot
from app.detections import Detections
from app.frame import DEFAULT_FPS, Frame
from app.sinks import Sink
from app.sinks.picture import jpeg_of
from app.sinks.playback import Times

FPS = 25.0


class TimeLapseSink(Sink):
    """Keeps a frame whenever a step of film time is over. Its JPEG is the one that others use, where they do."""

    queue_size = QUEUE
    lossless = True

    def __init__(
        self,
        archive: Archive,
        camera: str,
        factor: float,
        today: Callable[[], Tuple[int, int, int]] = lambda: time.localtime()[:3],
    ) -> None:
        """factor: how many times as fast it plays. today: a new file begins when it changes. The archive is released
        with the sink.
        """
        self.name = archive.folder
        self._archive = archive
        self._reel = Reel(archive, camera, FPS)
        self._step = factor / FPS
        self._due = 0.0
        self._today = today
        self._day = today()
        self._times = Times(True, DEFAULT_FPS)

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = self._times.next(frame.time)
        if now < self._due:
            return
        self._due += self._step
        if self._due <= now:  # steps without a frame, as while the camera was away: none is made up for
            self._due = now + self._step
        if self._today() != self._day:
            self._day = self._today()
            self._reel.end()
        self._reel.write(Shot(now, jpeg_of(canvas, frame.picture), (canvas.shape[1], canvas.shape[0])))
        self._archive.check_ages()

    def figures(self) -> Dict[str, int]:
        """See `Reel.figures`."""
        return self._reel.figures()

    def close(self) -> None:
        self._reel.close()
