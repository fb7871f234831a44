"""What was found in one frame: three arrays of one length."""

from typing import Any

import numpy as np


class Detections:
    """Detections of one frame, sorted by score, highest first.

    boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the captured frame, clipped to it; scores: (N,) float32;
    classes: (N,) int32. Indexing with a mask, a slice or an array of positions gives the detections it selects.
    """

    __slots__ = ("boxes", "scores", "classes")

    def __init__(self, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> None:
        """Sort and hold the arrays. Raises ValueError when their shapes do not agree."""
        count = len(scores)
        if boxes.shape != (count, 4) or scores.shape != (count,) or classes.shape != (count,):
            raise ValueError(
                "boxes, scores and classes should be (N, 4), (N,) and (N,), are {}, {} and {}".format(
                    boxes.shape, scores.shape, classes.shape
                )
            )
        order = np.argsort(-scores, kind="stable")
        self.boxes = boxes[order].astype(np.float32, copy=False)
        self.scores = scores[order].astype(np.float32, copy=False)
        self.classes = classes[order].astype(np.int32, copy=False)

    @classmethod
    def empty(cls) -> "Detections":
        """No detections."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, selected: Any) -> "Detections":
        return Detections(self.boxes[selected], self.scores[selected], self.classes[selected])
