"""Boxes for frames that are not inferred: those of the last inferred one, moved with what is in them.

    last = Last(small_grey(frame.image), detections, frame.image.shape)
    for frame in frames_until_the_next_inference:
        shown = last.at(small_grey(frame.image))

A grid of points in each box is looked for in the present picture (sparse optical flow: Lucas and Kanade, IJCAI 1981, on
pyramids as Bouguet describes), and the box moves by the median of their moves. Always from the frame that was inferred:
so a box that stands does not drift with the noise, and frames can be followed in any order. Where people walk this
finds far more than the tracker's prediction, which adds nothing to it: see `python -m tools.track --detect-every`.
"""

from typing import Sequence

import cv2
import numpy as np

from app.boxes import area, clip
from app.detections import Detections

COLUMNS, ROWS = np.linspace(0.25, 0.75, 4), np.linspace(0.15, 0.85, 6)  # of the grid, in shares of the box
GRID = np.stack(np.meshgrid(COLUMNS, ROWS), axis=-1).reshape(-1, 2)
ENOUGH = 6  # points of a box that have to be found again for it to move
WINDOW, LEVELS = (9, 9), 3  # pixels round a point, and smaller pictures
STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 10, 0.03)
MOST = 100  # boxes that are followed; 24 points of each take about 3 ms


class Last:
    """What was found in the last frame that was inferred. Several threads may ask it where that is now."""

    def __init__(self, grey: np.ndarray, detections: Detections, shape: Sequence[int]) -> None:
        """grey: the frame's `small_grey`. shape: height and width of the frame's image, in whose pixels boxes are."""
        self.detections = detections
        self._grey = grey
        self._size = shape[1], shape[0]
        self._scale = np.array([grey.shape[1] / shape[1], grey.shape[0] / shape[0]])
        boxes = detections.boxes[:MOST, None].astype(np.float64)
        points = boxes[..., :2] + GRID * (boxes[..., 2:] - boxes[..., :2])  # (N, 24, 2)
        # The centre of the first pixel is at 0 for the flow, at half a pixel for boxes.
        self._points = (points * self._scale - 0.5).astype(np.float32)

    def at(self, grey: np.ndarray) -> Detections:
        """Its detections, with their scores and tracks, in a later frame. grey: that frame's `small_grey`.

        Those that have left the picture are left out. In a picture of another size they stay where they are.
        """
        found = self.detections
        if not len(self._points) or grey.shape != self._grey.shape:
            return found
        before = self._points.reshape(-1, 1, 2)
        points, good, _ = cv2.calcOpticalFlowPyrLK(
            self._grey, grey, before, before.copy(), winSize=WINDOW, maxLevel=LEVELS, criteria=STOP
        )
        moves = np.asarray(points - before).reshape(self._points.shape)
        boxes = found.boxes.copy()
        for box, move, again in zip(boxes, moves, np.asarray(good).reshape(moves.shape[:2]) > 0):
            if again.sum() >= ENOUGH:
                box += np.tile(np.median(move[again], axis=0) / self._scale, 2)
        boxes = clip(boxes, *self._size)
        inside = area(boxes) > 0
        return Detections(
            boxes[inside], found.scores[inside], found.classes[inside], found.labels, found.tracks[inside]
        )
