"""Draws where tracked things have been, the lines with what has crossed them, and the zones with what is inside.

Nothing but letters is smoothed: smooth lines of this length take four times as long, together as long as the tracker.
"""

import math
from collections import Counter, deque
from functools import lru_cache
from typing import Deque, Dict, List, NamedTuple, Sequence, Tuple

import cv2
import numpy as np

from app.frame import Frame
from app.labels.lettering import lettered
from app.overlay import BLACK, FONT, Colour, Style, class_colour
from app.tracking.lines import Line
from app.tracking.watch import Watch

TAIL = 2.0  # seconds of a thing's way that are shown
LINE: Colour = (0, 215, 255)
ZONE: Colour = (200, 200, 0)
MASK: Colour = (160, 160, 160)
ARROW = 3  # length, in heights of the text


class Tail(NamedTuple):
    """Where the bottom centre of a thing was: when, in seconds, and x and y of each, one after the other, in pixels."""

    times: Deque[float]
    points: List[int]


class Scenery:
    """Draws on the frames of one camera, which come in order. Keeps where things were in the last seconds."""

    def __init__(self, watch: Watch) -> None:
        """watch: what is tracked; it has seen each frame before."""
        self._watch = watch
        self._tails: Dict[int, Tail] = {}
        self._size = (0, 0)
        self._now = 0.0

    def draw(self, frame: Frame) -> None:
        """Draw on a frame's image, in place; boxes come on top of it."""
        scene, image = self._watch.scene, frame.image
        if scene is None:
            return
        across, down = self._watch.scale(image)
        style = Style.fit(image.shape[1], image.shape[0])
        inside = scene.inside()
        for zone in scene.zones:
            corners = [(x / across, y / down) for x, y in zone.corners]
            counts = Counter(lettered(*self._label(frame, one.label)) for one in inside[zone.name])
            draw_zone(image, style, corners, ": ".join(filter(None, [zone.name, _counted(counts)])), bool(counts))
        for line in scene.lines:
            draw_line(image, style, line, [(x / across, y / down) for x, y in (line.start, line.end)])
        self._draw_tails(frame, style)

    def _label(self, frame: Frame, label: str) -> Tuple[str, int, Sequence[str]]:
        labels = frame.detections.labels
        return label, labels.index(label) if label in labels else 0, labels

    def _draw_tails(self, frame: Frame, style: Style) -> None:
        found, image = frame.detections, frame.image
        size = image.shape[:2]
        if size != self._size or frame.time < self._now:  # another picture, or a film that starts again
            self._tails.clear()
        self._size, self._now = size, frame.time
        by_class: Dict[int, List[np.ndarray]] = {}
        for track, box, number in zip(found.tracks.tolist(), found.boxes.tolist(), found.classes.tolist()):
            if track:
                tail = self._tails.get(track)
                if tail is None:
                    tail = self._tails[track] = Tail(deque(), [])
                tail.times.append(frame.time)
                tail.points.extend((int((box[0] + box[2]) / 2), int(box[3])))
                while frame.time - tail.times[0] > TAIL:
                    tail.times.popleft()
                    del tail.points[:2]
                by_class.setdefault(number, []).append(np.array(tail.points, np.int32).reshape(-1, 2))
        for number, tails in by_class.items():
            cv2.polylines(image, tails, False, class_colour(number), style.thickness)
        for track in [track for track, tail in self._tails.items() if frame.time - tail.times[-1] > TAIL]:
            del self._tails[track]


def draw_zone(
    image: np.ndarray,
    style: Style,
    corners: Sequence[Tuple[float, float]],
    text: str,
    occupied: bool = False,
    colour: Colour = ZONE,
) -> None:
    """Draw the outline of a zone, thicker where something is inside, and a text at its lowest corner."""
    points = np.rint(np.array(corners)).astype(np.int32)
    cv2.polylines(image, [points], True, colour, style.thickness + (1 if occupied else 0))
    x, y = max(points.tolist(), key=lambda point: (point[1], -point[0]))
    _write(image, style, text, x, y - style.height - 3 * style.margin, colour)


def draw_line(image: np.ndarray, style: Style, line: Line, ends: Sequence[Tuple[float, float]]) -> None:
    """Draw a line, an arrow across its middle in its first direction, and at its start how many have crossed it."""
    (x1, y1), (x2, y2) = ends
    start, end = (int(round(x1)), int(round(y1))), (int(round(x2)), int(round(y2)))
    cv2.line(image, start, end, LINE, style.thickness + 1)
    length = ARROW * style.height / max(math.hypot(x2 - x1, y2 - y1), 1.0)
    middle = int((x1 + x2) / 2), int((y1 + y2) / 2)
    tip = int(middle[0] - (y2 - y1) * length), int(middle[1] + (x2 - x1) * length)  # to the right, as y grows downwards
    cv2.arrowedLine(image, middle, tip, LINE, style.thickness + 1, tipLength=0.4)
    text = "  ".join(f"{name} {sum(counts.values())}" for name, counts in line.totals.items())
    _write(image, style, f"{line.name}  {text}", start[0], start[1], LINE)


def _write(image: np.ndarray, style: Style, text: str, x: int, y: int, colour: Colour) -> None:
    """Write on a plate at a point, but within the image."""
    plate = _plate(style, text, colour)
    left, top = max(0, min(x, image.shape[1] - plate.shape[1])), max(0, min(y, image.shape[0] - plate.shape[0]))
    below = image[top : top + plate.shape[0], left : left + plate.shape[1]]
    below[:] = plate[: below.shape[0], : below.shape[1]]


@lru_cache(maxsize=16)
def _plate(style: Style, text: str, colour: Colour) -> np.ndarray:
    """A text on a plate (h, w, 3) uint8 BGR. Most texts are those of the frame before."""
    plate = np.full((style.height + 3 * style.margin, style.width(text) + 2 * style.margin, 3), colour, np.uint8)
    origin = style.margin, style.height + style.margin
    cv2.putText(plate, text, origin, FONT, style.scale, BLACK, style.thickness, cv2.LINE_AA)
    return plate


def _counted(counts: "Counter[str]") -> str:
    """2 person, 1 dog."""
    return ", ".join(f"{count} {label}" for label, count in counts.most_common())
