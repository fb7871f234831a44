"""Lines that things cross.

A line is a finite segment. What crosses it is the path of a track's anchor, with straight pieces between the frames in
which it was seen, so that neither a low frame rate nor a gap loses a crossing. Counted is what settles on the other
side: outside of a dead band round the segment, so that a thing that stands on the line, or whose box trembles, counts
once or not at all. What had settled, crosses and vanishes in the dead band, as behind a door, has crossed, too. Who
walks round an end of the line has not crossed it.
"""

import math
from typing import Dict, List, Optional, Tuple

Point = Tuple[float, float]
DIRECTIONS = ("in", "out")
DEAD_BAND = 0.15  # of the box's height, on either side: more than the trembling of a detector's boxes
LEAST_BAND = 2.0  # pixels


class Line:
    """Counts who crosses the segment from `start` to `end`, in pixels.

    names: of the two directions: from the left to the right of the line, seen from its start to its end, and back.
    totals: crossings so far, by direction, then by label.
    """

    def __init__(self, name: str, start: Point, end: Point, names: Tuple[str, str] = DIRECTIONS) -> None:
        """Raises ValueError for a line of no length, or for two directions of one name."""
        self.name = name
        self.start, self.end = start, end
        self.names = names
        self._length = math.hypot(end[0] - start[0], end[1] - start[1])
        if not self._length > 0:
            raise ValueError("a line needs two different points")
        if names[0] == names[1]:
            raise ValueError("the two directions of a line need different names")
        self._along = (end[0] - start[0]) / self._length, (end[1] - start[1]) / self._length
        self.totals: Dict[str, Dict[str, int]] = {direction: {} for direction in names}
        # By track: last position, net crossings since it was settled, and whether it ever was.
        self._paths: Dict[int, List[float]] = {}

    def update(self, track: int, label: str, anchor: Point, height: float) -> Optional[str]:
        """Follow a track to where its anchor is now; the direction if this makes a crossing, which is then counted.

        height: of its box, in pixels.
        """
        along, across = self._position(anchor)
        path = self._paths.get(track)
        if path is None:
            self._paths[track] = [along, across, 0, self._settled(along, across, height)]
            return None
        if (path[1] >= 0) != (across >= 0):
            meets = path[0] + (along - path[0]) * path[1] / (path[1] - across)
            if 0 <= meets <= self._length:
                path[2] += 1 if across >= 0 else -1
        path[:2] = along, across
        if not self._settled(along, across, height):
            return None
        path[3] = True
        net, path[2] = path[2], 0
        return self._count(label, net, across)

    def forget(self, track: int, label: str) -> Optional[str]:
        """Drop a track that has vanished; the direction if that makes a crossing, which is then counted."""
        _, across, net, settled = self._paths.pop(track, (0.0, 0.0, 0, False))
        return self._count(label, net, across) if settled else None

    def pass_on(self, track: int, new: int) -> None:
        """Let the path of a track that was lost go on as that of a new one."""
        path = self._paths.pop(track, None)
        if path is not None:
            self._paths[new] = path

    def _settled(self, along: float, across: float, height: float) -> bool:
        """Whether a place is outside of the dead band."""
        beyond = max(-along, along - self._length, 0.0)
        return math.hypot(beyond, across) >= max(DEAD_BAND * height, LEAST_BAND)

    def _count(self, label: str, net: float, across: float) -> Optional[str]:
        """The direction of so many net crossings that have led to this side, counted as one; None if there is none."""
        if net == 0 or (net > 0) != (across >= 0):
            return None
        direction = self.names[0 if net > 0 else 1]
        counts = self.totals[direction]
        counts[label] = counts.get(label, 0) + 1
        return direction

    def continue_from(self, before: "Line") -> None:
        """Take over the totals of another line, and if it lies in the same place where the tracks are."""
        for direction, counts in self.totals.items():
            counts.update(before.totals.get(direction, {}))
        if (self.start, self.end) == (before.start, before.end):
            self._paths = before._paths

    def _position(self, point: Point) -> Tuple[float, float]:
        """Along the line from its start, and to the right of it, in pixels. (In an image, y grows downwards.)"""
        x, y = point[0] - self.start[0], point[1] - self.start[1]
        return x * self._along[0] + y * self._along[1], y * self._along[0] - x * self._along[1]
