"""Classifies the frames of a source in `app.pipeline`, in the place of a detector."""

from typing import List, Sequence, Tuple

import numpy as np

from app.classifier import Classifier, Prediction
from app.detections import Detections
from app.errors import SourceError
from app.frame import Frame


class Classes(Detections):
    """The best label of a frame, as a detection that covers all of it, which the overlay draws; and its `top` labels.

    Both are empty where the frame could not be classified; `reason` says why.
    """

    __slots__ = ("top", "reason")

    def __init__(self, top: List[Prediction], labels: Sequence[str], width: int, height: int, reason: str = "") -> None:
        count = min(1, len(top))
        classes = [labels.index(best.label) for best in top[:1]]
        box = np.array([[0, 0, width, height]] * count, np.float32).reshape(count, 4)
        scores = np.array([best.score for best in top[:1]], np.float32)
        super().__init__(box, scores, np.array(classes, np.int32), labels)
        self.top = top
        self.reason = reason


class FrameClassifier:
    """What the pipeline asks of a detector: frames are prepared in one thread, classified in the main one."""

    def __init__(self, classifier: Classifier, top: int) -> None:
        """top: how many labels a frame gets."""
        self.classifier = classifier
        self.backend = classifier.backend
        self.card = classifier.card
        self.input_shape: Tuple[int, int] = (classifier.card.height, classifier.card.width)
        self._top = top
        self._is_warm = False

    def preprocess(self, frame: Frame) -> None:
        """Prepare a frame's image: its `tensor` (1, channels, height, width) uint8, or why there is none."""
        height, width = frame.image.shape[:2]
        try:
            frame.tensor = self.classifier.prepare(frame.image)[None]
        except SourceError as error:  # one frame of many
            frame.tensor = np.zeros((0, self.card.channels, *self.input_shape), np.uint8)
            frame.detections = Classes([], self.card.labels, width, height, str(error))

    def warm_up(self, frame: Frame) -> None:
        """Run the model once, before the first frame is timed. Raises ModelError."""
        if not self._is_warm:
            self.classifier.logits(np.zeros((1, self.card.channels, *self.input_shape), np.uint8))
            self._is_warm = True

    def infer(self, frame: Frame) -> None:
        """Run the network: the frame's `outputs` are its logits (1, labels), or empty. Raises ModelError."""
        assert frame.tensor is not None
        frame.outputs = [self.classifier.logits(frame.tensor)] if len(frame.tensor) else []
        frame.tensor = None

    def postprocess(self, frame: Frame) -> None:
        """Turn a frame's outputs into its `detections`, which are `Classes`."""
        if frame.outputs:
            height, width = frame.image.shape[:2]
            top = self.classifier.best(frame.outputs[0][0], self._top)
            frame.detections = Classes(top, self.card.labels, width, height)
