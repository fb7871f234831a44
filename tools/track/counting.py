"""Counts who crosses lines: by what the tracker finds, as `app.detect` does, and by the paths of the ground truth."""

from typing import Dict, Sequence, Tuple

import numpy as np

from app.detections import Detections
from app.tracking.lines import Line
from app.tracking.places import Place
from app.tracking.scene import Scene
from tools.track.motchallenge import NONE, Frames

Size = Tuple[int, int]
Counts = Dict[str, int]  # by direction


def count(found: Frames, frames: Sequence[int], fps: float, places: Sequence[Place], size: Size) -> Dict[str, Counts]:
    """How many cross each line, by the line's name.

    found: with the tracks, 0 for what is not confirmed. frames: the numbers of those that are looked at.
    """
    scene = Scene([place.line(size) for place in places])
    for number in frames:
        one = found.get(number, NONE)
        scene.update(Detections(one.boxes, one.scores, np.zeros(len(one.ids), int), tracks=one.ids), (number - 1) / fps)
    return _totals(scene.lines)


def count_paths(truth: Frames, frames: Sequence[int], places: Sequence[Place], size: Size) -> Dict[str, Counts]:
    """How many cross each line if an id is always the same thing, and different ones are different things."""
    lines = [place.line(size) for place in places]
    ids = set()
    for number in frames:
        for track, (x1, y1, x2, y2) in zip(*truth.get(number, NONE)[:2]):
            ids.add(track)
            for line in lines:
                line.update(track, "", ((x1 + x2) / 2, y2), y2 - y1)
    for track in ids:
        for line in lines:
            line.forget(track, "")
    return _totals(lines)


def _totals(lines: Sequence[Line]) -> Dict[str, Counts]:
    return {line.name: {name: sum(counts.values()) for name, counts in line.totals.items()} for line in lines}
