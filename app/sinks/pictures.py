"""What lets slower sinks share the JPEG of a frame, where nothing else does."""

import numpy as np

from app.detections import Detections
from app.frame import Frame
from app.sinks import Sink
from app.sinks.picture import Picture


class PictureSink(Sink):
    """Gives each frame a picture, if it has none yet. Quick, since nothing is encoded here; it writes nothing."""

    name = "pictures"

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        if frame.picture is None or frame.picture.image is not canvas:
            frame.picture = Picture(canvas, captured_at=frame.captured_at)
