"""Continuous recording: all frames of a camera, in files of so many minutes each."""

from typing import Dict

import numpy as np

from app.clips.archive import Archive
from app.clips.reel import QUEUE, Reel
from app.clips.ring import Shot
from app.detections import Detections
from app.frame import DEFAULT_FPS, Frame
from app.sinks import Sink
from app.sinks.picture import jpeg_of
from app.sinks.playback import Times


class SegmentSink(Sink):
    """Records all frames of a camera. Each file can be played up to its last frame, however the program ends."""

    queue_size = QUEUE
    lossless = True

    def __init__(self, archive: Archive, camera: str, segment: float) -> None:
        """segment: length of a file, in seconds. The archive is released with the sink."""
        self.name = archive.folder
        self._reel = Reel(archive, camera)
        self._archive = archive
        self._segment = segment
        self._times = Times(True, DEFAULT_FPS)

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = self._times.next(frame.time)
        if self._reel.recording is not None and now - self._reel.began_at >= self._segment:
            self._reel.end()
        self._reel.write(Shot(now, jpeg_of(canvas, frame.picture), (canvas.shape[1], canvas.shape[0])))
        self._archive.check_ages()

    def figures(self) -> Dict[str, int]:
        """See `Reel.figures`."""
        return self._reel.figures()

    def close(self) -> None:
        self._reel.close()
