"""Runs the detector on a film and the tracker on detections."""

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from app.detections import Detections
from app.detector import load_detector
from app.errors import SourceError, UsageError
from app.sources import open_source
from app.tracking.tracker import Tracker
from tools.track.motchallenge import NONE, Boxes, Frames, Recording

Size = Tuple[int, int]


class Film(NamedTuple):
    """What was detected in a film, by frame, and with which model."""

    recording: Recording
    detections: Frames
    model: Dict[str, Any]


def detect(path: str, every: int, label: str, confidence: float, **options: Any) -> Film:
    """Detect in every so many frames of a film, from the first. options: see `load_detector`.

    Raises SourceError and ModelError.
    """
    detections: Frames = {}
    count, size = 0, None
    with open_source(path) as source:
        if source.live:
            raise UsageError(f"{path}: is a camera; --cam needs a film, so that its frames have numbers")
        with load_detector(classes=[label], confidence=confidence, **options) as detector:
            for frame in source:
                if frame is None:
                    continue
                count, size = frame.index + 1, frame.size
                if frame.index % every == 0:
                    found = detector.detect(frame.image)
                    detections[count] = Boxes(np.full(len(found), -1), found.boxes.astype(float), found.scores)
            model = {"model": detector.card.name, "size": detector.size, "backend": detector.backend.description}
        if not count:
            raise SourceError(f"{path}: has no frames")
        return Film(Recording(path, source.fps, count, size), detections, model)


class Tracked(NamedTuple):
    """What a tracker makes of detections, by frame. shown: the tracks, as `Tracker.predict` has them. found: the
    detections with their tracks, 0 for what is not confirmed.
    """

    shown: Frames
    found: Frames


def track(detections: Frames, frames: Sequence[int], fps: float, size: Optional[Size]) -> Tracked:
    """Track detections in these frames.

    frames: numbers, ascending; frame 1 is at 0 seconds. size: width and height of the picture, None if unknown.
    """
    tracker = Tracker()
    tracked = Tracked({}, {})
    for number in frames:
        time = (number - 1) / fps
        found = detections.get(number, NONE)
        seen = tracker.update(Detections(found.boxes, found.scores, np.zeros(len(found.ids), np.int32)), time)
        for frames_of, some in zip(tracked, (tracker.predict(time, size), seen)):
            frames_of[number] = Boxes(some.tracks, some.boxes.astype(float), some.scores.astype(float))
    return tracked
