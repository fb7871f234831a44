"""Other trackers and another line counter, to compare with: those of the packages `trackers` and `supervision`."""

import importlib
import warnings
from typing import Any, Dict, Sequence

import numpy as np

from app.errors import UsageError
from app.tracking.lines import Line
from tools.track.motchallenge import NONE, Boxes, Frames

RIVALS = {"sort": "SORT", "bytetrack": "ByteTrack", "ocsort": "OCSORT", "cbiou": "CBIoU"}
LINEZONE = "linezone"  # our tracks, counted by supervision


def check_packages() -> None:
    """Raise UsageError where the packages are not installed."""
    _package("trackers")
    _package("supervision")


def _package(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what they will change some day
            return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"--rival needs {name} ({error}); install it: pip install trackers supervision")


def track(rival: str, detections: Frames, frames: Sequence[int]) -> Frames:
    """The tracks that a rival, one of RIVALS, at its defaults makes of detections in these frames (numbers).

    Raises UsageError where its package is not installed.
    """
    tracker = getattr(_package("trackers"), RIVALS[rival] + "Tracker")()
    tracks = {}
    for number in frames:
        found = detections.get(number, NONE)
        tracked = tracker.update(_detections(found.boxes, found.scores))
        shown = np.zeros(0, int) if tracked.tracker_id is None else tracked.tracker_id.astype(int)
        kept = shown >= 0  # -1 is not confirmed
        tracks[number] = Boxes(shown[kept], tracked.xyxy[kept].astype(float), tracked.confidence[kept].astype(float))
    return tracks


def count(tracks: Frames, frames: Sequence[int], lines: Sequence[Line]) -> Dict[str, Dict[str, int]]:
    """How many cross each line, by the line's name and its direction, as `supervision.LineZone` counts bottom centres.

    Raises UsageError where supervision is not installed.
    """
    supervision = _package("supervision")
    zones = [
        supervision.LineZone(
            supervision.Point(*line.start),
            supervision.Point(*line.end),
            triggering_anchors=[supervision.Position.BOTTOM_CENTER],
        )
        for line in lines
    ]
    for number in frames:
        found = tracks.get(number, NONE)
        tracked = _detections(found.boxes, np.ones(len(found.ids)))
        tracked.tracker_id = found.ids.astype(int)
        for zone in zones:
            zone.trigger(tracked)
    # Its `in` is from the right to the left, seen from the first point to the second.
    return {line.name: dict(zip(line.names, (zone.out_count, zone.in_count))) for line, zone in zip(lines, zones)}


def _detections(boxes: np.ndarray, scores: np.ndarray) -> Any:
    return _package("supervision").Detections(
        xyxy=boxes.astype(np.float32), confidence=scores.astype(np.float32), class_id=np.zeros(len(boxes), int)
    )
