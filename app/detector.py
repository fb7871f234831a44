"""The detector: pure steps round one impure call.

letterbox and scale -> backend.infer -> decode -> NMS -> back to pixels of the frame
"""

from collections import deque
from typing import Collection, Deque, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from app import boxes as box_math
from app.backends import Backend
from app.detections import Detections
from app.errors import ModelError, UsageError, warn
from app.frame import Frame
from app.letterbox import Letterbox, preprocess
from app.modelcard import ModelCard
from app.timing import StageClock
from app.yolo import decode

SPARE_TENSORS = 8  # more than a source reads ahead


class Prepared(NamedTuple):
    """A frame made ready for the network."""

    letterbox: Letterbox
    tensor: np.ndarray


class Detector:
    """Finds objects in frames of any size.

    `prepare`, `infer` and `finish` may each run in a thread of its own, so that the next frame is made ready and the
    last one finished while the network is at work; `infer` always in the one that opened the backend.
    """

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
        adapt: bool = False,
    ) -> None:
        """size: longer side of the network's input, a multiple of the card's. confidence: least score. overlap: the
        IoU above which the lower-scoring of two boxes goes. agnostic: also between classes. classes: the only ones
        to report. multi_label: report every class of a box that scores enough, not its best only (for scoring).
        adapt: where a camera changes its shape and the backend has nothing for the new one, as an engine for one input
        has not, fit its frames into the input that did run.

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
        self.adapt = adapt
        self.input_shape: Optional[Tuple[int, int]] = None  # height and width of the network's input, once it has run
        self._only: Optional[Tuple[int, int]] = None  # the one that other frames are fitted into, see `adapt`
        self._warm: Set[Tuple[int, int]] = set()  # the inputs' shapes that the model has run at
        self._classes = None if classes is None else np.array(sorted(classes), np.int32)
        self._spare: Deque[Prepared] = deque(maxlen=SPARE_TENSORS)  # memory to use again

    def detect(self, image: np.ndarray, clock: StageClock) -> Detections:
        """Detections in a frame (h, w, 3) uint8 BGR, step after step; the clock is told the time of each stage.

        The first frame of a new size costs one more inference, unmeasured, to warm the model up. Raises ModelError.
        """
        frame = Frame(image, 0, 0.0)
        frame.clock = clock
        outputs, letterbox = self.infer(frame)
        with clock("postprocess"):
            return self.finish(outputs, letterbox)

    def prepare(self, frame: Frame) -> None:
        """Letterbox a frame into a tensor (1, 3, height, width) float32 RGB, which it carries from then on."""
        with frame.clock("preprocess"):
            height, width = frame.image.shape[:2]
            letterbox = self._fit(width, height)
            tensor = preprocess(frame.image, letterbox, self.card.scale, self._spare_tensor(letterbox))
            frame.prepared = Prepared(letterbox, tensor)

    def _spare_tensor(self, letterbox: Letterbox) -> Optional[np.ndarray]:
        """A tensor that has been used, with the same grey bars; None where there is none."""
        try:
            spare = self._spare.pop()
        except IndexError:
            return None
        return spare.tensor if spare.letterbox == letterbox else None

    def infer(self, frame: Frame) -> Tuple[List[np.ndarray], Letterbox]:
        """The heads of a frame, raw, in memory that the next call may use again, and how it was letterboxed.

        Raises ModelError.
        """
        if frame.prepared is None:
            self.prepare(frame)
        shape = frame.prepared.letterbox.height, frame.prepared.letterbox.width
        if shape != self.input_shape and self._only is None:
            try:
                if shape not in self._warm:
                    self._warm_up(shape)
                self.input_shape = shape
            except ModelError as error:
                if self.input_shape is None or not self.adapt:
                    raise
                warn("{}; fitting the new frames into {}x{}".format(error, self.input_shape[1], self.input_shape[0]))
                self._only = self.input_shape
        if self._only is not None and shape != self._only:
            self.prepare(frame)
        prepared, frame.prepared = frame.prepared, None
        with frame.clock("infer"):
            outputs = self.backend.infer(prepared.tensor)
        self._spare.append(prepared)
        return outputs, prepared.letterbox

    def finish(self, outputs: Sequence[np.ndarray], letterbox: Letterbox) -> Detections:
        """Decode the heads of a frame, and bring what they say back to its pixels. Raises ModelError."""
        boxes, scores, classes = decode(
            outputs, self.card.heads, len(self.card.labels), self.confidence, self.multi_label
        )
        return self._suppress(boxes, scores, classes, letterbox)

    def _fit(self, width: int, height: int) -> Letterbox:
        letterbox = Letterbox.fit(width, height, self.size, self.square, self.card.multiple)
        if self._only in (None, (letterbox.height, letterbox.width)):
            return letterbox
        return Letterbox.into(width, height, self._only[1], self._only[0])

    def _warm_up(self, shape: Tuple[int, int]) -> None:
        """Run the model once at this shape, and check that its outputs are those of the card."""
        outputs = self.backend.infer(np.zeros((1, 3) + shape, np.float32))
        decode(outputs, self.card.heads, len(self.card.labels), 1.0)
        for output, head in zip(outputs, self.card.heads):
            if output.shape[2:] != (shape[0] // head.stride, shape[1] // head.stride):
                raise ModelError(
                    "the card does not fit the model: with stride {} an input of {} gives a head of {}, not {}".format(
                        head.stride, shape, (shape[0] // head.stride, shape[1] // head.stride), output.shape[2:]
                    )
                )
        self._warm.add(shape)

    def _suppress(self, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, letterbox: Letterbox) -> Detections:
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
