"""The detector: pure steps round one impure call.

letterbox and scale -> backend.infer -> decode -> NMS -> back to pixels of the frame
"""

from typing import Collection, Optional, Tuple

import numpy as np

from app import boxes as box_math
from app.backends import Backend
from app.detections import Detections
from app.errors import ModelError, UsageError
from app.letterbox import Letterbox, blank_tensor, preprocess
from app.modelcard import ModelCard
from app.timing import StageClock
from app.yolo import decode


class Detector:
    """Finds objects in frames of any size. Not for use from several threads."""

    def __init__(
        self,
        backend: Backend,
        card: ModelCard,
        size: int = 416,
        square: bool = False,
        confidence: float = 0.25,
        overlap: float = 0.45,
        agnostic: bool = False,
        classes: Optional[Collection[int]] = None,
        multi_label: bool = False,
    ) -> None:
        """size: longer side of the network's input, a multiple of the card's. confidence: least score. overlap: the
        IoU above which the lower-scoring of two boxes goes. agnostic: also between classes. classes: the only ones
        to report. multi_label: report every class of a box that scores enough, not its best only (for scoring).

        Raises UsageError when the model cannot take `size`.
        """
        if size % card.multiple or size <= 0:
            raise UsageError("size {} is not {}".format(size, nearest_sizes(size, card.multiple)))
        self.backend = backend
        self.card = card
        self.size = size
        self.square = square
        self.confidence = confidence
        self.overlap = overlap
        self.agnostic = agnostic
        self.multi_label = multi_label
        self._classes = None if classes is None else np.array(sorted(classes), np.int32)
        self._letterbox: Optional[Letterbox] = None
        self._tensor: Optional[np.ndarray] = None  # memory that every frame of one size goes through

    @property
    def input_shape(self) -> Optional[Tuple[int, int]]:
        """Height and width of the network's input for the last frame."""
        return None if self._letterbox is None else (self._letterbox.height, self._letterbox.width)

    def detect(self, image: np.ndarray, clock: StageClock) -> Detections:
        """Detections in a frame (h, w, 3) uint8 BGR; the clock is told the time of each stage.

        The first frame of a new size costs one more inference, unmeasured, to warm the model up.
        """
        letterbox = self._fit(image)
        with clock("preprocess"):
            tensor = preprocess(image, letterbox, self.card.scale, self._tensor)
        with clock("infer"):
            outputs = self.backend.infer(tensor)
        with clock("postprocess"):
            boxes, scores, classes = decode(
                outputs, self.card.heads, len(self.card.labels), self.confidence, self.multi_label
            )
            return self._finish(boxes, scores, classes, letterbox)

    def _fit(self, image: np.ndarray) -> Letterbox:
        height, width = image.shape[:2]
        letterbox = self._letterbox
        if letterbox is None or (letterbox.frame_width, letterbox.frame_height) != (width, height):
            letterbox = Letterbox.fit(width, height, self.size, self.square, self.card.multiple)
            if self.input_shape != (letterbox.height, letterbox.width):
                self._warm_up(letterbox)
            self._letterbox = letterbox
            self._tensor = blank_tensor(letterbox, self.card.scale)
        return letterbox

    def _warm_up(self, letterbox: Letterbox) -> None:
        """Run the model once at this shape, and check that its outputs are those of the card."""
        shape = (letterbox.height, letterbox.width)
        outputs = self.backend.infer(np.zeros((1, 3) + shape, np.float32))
        decode(outputs, self.card.heads, len(self.card.labels), 1.0)
        for output, head in zip(outputs, self.card.heads):
            if output.shape[2:] != (shape[0] // head.stride, shape[1] // head.stride):
                raise ModelError(
                    "the card does not fit the model: with stride {} an input of {} gives a head of {}, not {}".format(
                        head.stride, shape, (shape[0] // head.stride, shape[1] // head.stride), output.shape[2:]
                    )
                )

    def _finish(self, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, letterbox: Letterbox) -> Detections:
        """NMS, then back to the frame. What lies wholly in the grey bars is dropped."""
        if self._classes is not None:
            wanted = np.isin(classes, self._classes)
            boxes, scores, classes = boxes[wanted], scores[wanted], classes[wanted]
        if not len(boxes):
            return Detections.empty()
        kept = box_math.nms(boxes, scores, classes, self.overlap, self.agnostic)
        boxes = box_math.clip(letterbox.invert(boxes[kept]), letterbox.frame_width, letterbox.frame_height)
        inside = box_math.area(boxes) > 0
        kept = kept[inside]
        return Detections(boxes[inside], scores[kept], classes[kept])


def nearest_sizes(size: int, multiple: int) -> str:
    """What to say of a size that is not a positive multiple: the nearest ones that are."""
    below = size // multiple * multiple
    nearest = "{} and {}".format(below, below + multiple) if below > 0 else str(multiple)
    return "a multiple of {}; nearest: {}".format(multiple, nearest)
