"""What was found in one frame: arrays of one length, and the names of the classes."""

from typing import Any, Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np


class Detection(NamedTuple):
    """One object. label: the class's name. score: 0 to 1. box: x1, y1, x2, y2 in pixels of the frame.
    class_id: position of the class among the model's labels.
    """

    label: str
    score: float
    box: Tuple[float, float, float, float]
    class_id: int


class Detections:
    """The detections of one frame, sorted by score, highest first.

    boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the captured frame, clipped to it; scores: (N,) float32;
    classes: (N,) int32, positions in `labels`; tracks: (N,) int64, which thing each is, counted from 1: 0 is not known
    yet, or there is no tracker. Iterating yields a `Detection` for each, and so does indexing with a number; a mask, a
    slice or an array of positions returns the detections that it selects:

        people = detections[detections.scores > 0.5]
        for label, score, box, _ in people: ...
    """

    __slots__ = ("boxes", "scores", "classes", "labels", "tracks")

    def __init__(
        self,
        boxes: np.ndarray,
        scores: np.ndarray,
        classes: np.ndarray,
        labels: Sequence[str] = (),
        tracks: Optional[np.ndarray] = None,
    ) -> None:
        """Sort and hold the arrays. Without `labels` a class is named by its number; without `tracks` all are 0.

        Raises ValueError when the shapes do not agree.
        """
        count = len(scores)
        if tracks is None:
            tracks = np.zeros(count, np.int64)
        shapes = [boxes.shape, scores.shape, classes.shape, tracks.shape]
        if shapes != [(count, 4), (count,), (count,), (count,)]:
            raise ValueError(
                "boxes, scores, classes and tracks should have the shapes (N, 4), (N,), (N,) and (N,), "
                "not {}, {}, {} and {}".format(*shapes)
            )
        order = np.argsort(-scores, kind="stable")
        self.boxes = boxes[order].astype(np.float32, copy=False)
        self.scores = scores[order].astype(np.float32, copy=False)
        self.classes = classes[order].astype(np.int32, copy=False)
        self.tracks = tracks[order].astype(np.int64, copy=False)
        self.labels = labels

    @classmethod
    def empty(cls, labels: Sequence[str] = ()) -> "Detections":
        """No detections."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32), labels)

    def with_tracks(self, tracks: np.ndarray) -> "Detections":
        """The same things with these tracks (N,) int64. The arrays are shared."""
        found = Detections.__new__(Detections)
        found.boxes, found.scores, found.classes, found.labels = self.boxes, self.scores, self.classes, self.labels
        found.tracks = tracks
        return found

    @property
    def names(self) -> Sequence[str]:
        """The label of each detection."""
        return [self.labels[index] if self.labels else str(index) for index in self.classes.tolist()]

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Detection]:
        rows = zip(self.names, self.scores.tolist(), self.boxes.tolist(), self.classes.tolist())
        return (Detection(name, score, tuple(box), index) for name, score, box, index in rows)

    def __getitem__(self, selected: Any) -> Any:
        if isinstance(selected, (int, np.integer)):
            return list(self)[selected]
        columns = (self.boxes[selected], self.scores[selected], self.classes[selected])
        return Detections(*columns, labels=self.labels, tracks=self.tracks[selected])
