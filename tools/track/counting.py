"""Counts who crosses lines: by the tracker's tracks, and by those of the ground truth."""

from typing import Dict, Sequence, Tuple

import numpy as np

from app.detections import Detections
from app.tracking.places import Place
from app.tracking.scene import Scene
from tools.track.motchallenge import NONE, Frames

Size = Tuple[int, int]
Counts = Dict[str, int]  # by direction


def count(tracks: Frames, frames: Sequence[int], fps: float, places: Sequence[Place], size: Size) -> Dict[str, Counts]:
    """How many cross each line, by the line's name. frames: the numbers of those that are looked at."""
    scene = Scene([place.line(size) for place in places])
    for number in frames:
        found = tracks.get(number, NONE)
        # Ground truth may count from 0, and 0 is what has no track yet.
        scene.update(
            Detections(found.boxes, np.ones(len(found.ids)), np.zeros(len(found.ids), int), tracks=found.ids + 1),
            (number - 1) / fps,
        )
    return {line.name: {name: sum(counts.values()) for name, counts in line.totals.items()} for line in scene.lines}
