"""The detector: pure steps round one impure call.

preprocess (letterbox and scale) -> infer (the backend) -> postprocess (decode, NMS, back to pixels of the frame)

    with load_detector("yolov3-tiny", size=416) as detector:
        for found in detector.detect(image):
            print(found.label, found.score, found.box)
"""

import difflib
from collections import deque
from typing import Any, Deque, List, Optional, Sequence, Set, Tuple

import numpy as np

from app import boxes as box_math
from app.backends import Backend, open_backend
from app.detections import Detections
from app.errors import ModelError, UsageError, warn
from app.frame import Frame
from app.heads import decode
from app.inputsize import input_size
from app.labels import positions, standard
from app.letterbox import Letterbox, preprocess
from app.modelcard import ModelCard, find_model, read_card

SPARE_TENSORS = 8  # more than a source reads ahead
# Of a frame, the best, that NMS looks at. NanoDet has 80,000 above the least score of tools.score, which would take
# minutes; scoring counts 100 boxes of an image.
MOST_CANDIDATES = 5000


class Detector:
    """Finds objects in images of any size. A context manager that closes its backend.

    `detect` takes an image. A loop calls the steps instead, each of which reads and writes the frame's record. They may
    run in different threads; as many may `infer` at once as `backend.workers` says. Several detectors, with settings of
    their own, may share a backend.
    """

    def __init__(
        self,
        backend: Backend,
        card: ModelCard,
        *,
        size: Optional[int] = None,
        square: bool = False,
        confidence: float = 0.25,
        iou: float = 0.45,
        class_agnostic: bool = False,
        classes: Optional[Sequence[str]] = None,
        multi_label: bool = False,
        adapt: bool = False,
    ) -> None:
        """Wrap a backend that is open; see `load_detector` for the arguments.

        multi_label: report every class of a box that scores enough, not only its best (for scoring).
        adapt: when a camera changes its resolution and the backend has no engine for the new input shape, letterbox
        its frames into the shape that did run.
        """
        self.backend = backend
        self.card = card
        self.size = input_size(card, size)
        self.square = square
        self.multi_label = multi_label
        self.adapt = adapt
        self.input_shape: Optional[Tuple[int, int]] = None  # height and width of the network's input, once it has run
        self._only: Optional[Tuple[int, int]] = None  # the one that other frames are fitted into, see `adapt`
        self._warm: Set[Tuple[int, int]] = set()  # the input shapes that the model has run at
        self._spare: Deque[Tuple[Letterbox, np.ndarray]] = deque(maxlen=SPARE_TENSORS)  # tensors to use again
        self.choose(confidence=confidence, iou=iou, class_agnostic=class_agnostic, classes=classes)

    def choose(
        self, *, confidence: float, iou: float, class_agnostic: bool = False, classes: Optional[Sequence[str]] = None
    ) -> None:
        """Choose what is reported; see `load_detector` for the arguments. May be called while other threads detect.

        Raises UsageError; then nothing has changed.
        """
        for name, value in (("confidence", confidence), ("iou", iou)):
            if not 0 <= value <= 1:
                raise UsageError(f"{name} should be from 0 to 1, is {value}")
        chosen = None if classes is None else np.array(class_numbers(classes, self.card.labels), np.int32)
        self.confidence = confidence
        self.iou = iou
        self.class_agnostic = class_agnostic
        self._classes = chosen

    def detect(self, image: np.ndarray) -> Detections:
        """Detections in an image (h, w, 3) uint8 BGR. Raises ModelError, and UsageError for another shape or dtype.

        The first image of a new shape costs one more inference, which warms the model up.
        """
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,) or not image.size:
            given = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise UsageError(f"an image should be a uint8 array of shape (h, w, 3) in BGR order, not {given}")
        frame = Frame(image)
        self.preprocess(frame)
        self.warm_up(frame)
        self.infer(frame)
        self.postprocess(frame)
        return frame.detections

    def preprocess(self, frame: Frame) -> None:
        """Letterbox a frame's image into its `tensor` (1, 3, height, width) float32 RGB."""
        height, width = frame.image.shape[:2]
        letterbox = Letterbox.of_card(self.card, width, height, self.size, square=self.square)
        if self._only not in (None, (letterbox.height, letterbox.width)):
            letterbox = Letterbox.into(width, height, self._only[1], self._only[0])
        frame.letterbox = letterbox
        frame.tensor = preprocess(frame.image, letterbox, self.card.scale, self._spare_tensor(letterbox))

    def _spare_tensor(self, letterbox: Letterbox) -> Optional[np.ndarray]:
        """A tensor that is no longer needed and has the same grey bars; None if there is none."""
        try:
            fitted, tensor = self._spare.pop()
        except IndexError:
            return None
        return tensor if fitted == letterbox else None

    def warm_up(self, frame: Frame) -> None:
        """Run the model once at the shape of a frame's tensor, if it is a new one. Raises ModelError.

        With `adapt`, a frame whose shape the backend cannot take is letterboxed anew.
        """
        shape = frame.input_shape
        if shape not in self._warm and self._only is None:
            try:
                self._run_once(shape)
            except ModelError as error:
                if self.input_shape is None or not self.adapt:
                    raise
                self.fit_into(self.input_shape, error)
        if self._only not in (None, shape):
            self.preprocess(frame)

    def fit_into(self, shape: Tuple[int, int], reason: ModelError) -> None:
        """From now on letterbox every frame into a tensor of this height and width, since the backend has no other."""
        warn(f"{reason}; fitting the frames into {shape[1]}x{shape[0]}")
        self._only = shape

    def _run_once(self, shape: Tuple[int, int]) -> None:
        """Infer with zeros, and check that the outputs are those that the card describes."""
        decode(self.backend.infer(np.zeros((1, 3) + shape, np.float32)), self.card, shape, 1.0)
        self._warm.add(shape)

    def infer(self, frame: Frame) -> None:
        """Run the network on a frame's tensor: its `outputs`, whose memory the next call may use again.

        Raises ModelError.
        """
        self.input_shape = frame.input_shape
        assert frame.tensor is not None
        assert frame.letterbox is not None
        frame.outputs = self.backend.infer(frame.tensor)
        self._spare.append((frame.letterbox, frame.tensor))
        frame.tensor = None

    def postprocess(self, frame: Frame) -> None:
        """Turn a frame's outputs into its `detections`. Raises ModelError."""
        assert frame.letterbox is not None, "preprocess comes first"
        frame.detections = self.decode(frame.outputs, frame.letterbox)

    def decode(self, outputs: Sequence[np.ndarray], letterbox: Letterbox) -> Detections:
        """Detections from the outputs for a frame that was letterboxed so: decode, NMS, then back to its pixels.

        Boxes that lie wholly in the grey bars are dropped. Raises ModelError.
        """
        labels = self.card.labels
        shape = letterbox.height, letterbox.width
        boxes, scores, classes = decode(outputs, self.card, shape, self.confidence, self.multi_label)
        chosen = self._classes
        if chosen is not None:
            wanted = np.isin(classes, chosen)
            boxes, scores, classes = boxes[wanted], scores[wanted], classes[wanted]
        if not len(boxes):
            return Detections.empty(labels)
        if len(boxes) > MOST_CANDIDATES:
            best = np.sort(np.argpartition(-scores, MOST_CANDIDATES)[:MOST_CANDIDATES])
            boxes, scores, classes = boxes[best], scores[best], classes[best]
        kept = np.arange(len(boxes))
        if self.card.nms:
            kept = box_math.nms(boxes, scores, classes, self.iou, self.class_agnostic)
        boxes = box_math.clip(letterbox.invert(boxes[kept]), letterbox.frame_width, letterbox.frame_height)
        inside = box_math.area(boxes) > 0
        kept = kept[inside]
        return Detections(boxes[inside], scores[kept], classes[kept], labels)

    def free_tensors(self) -> None:
        """Free the memory that is kept for the tensors of the next frames."""
        self._spare.clear()

    def close(self) -> None:
        """Free the model. Closing twice is allowed."""
        self.backend.close()

    def __enter__(self) -> "Detector":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def load_detector(
    model: str = "yolov3-tiny",
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    size: Optional[int] = None,
    square: bool = False,
    confidence: float = 0.25,
    iou: float = 0.45,
    class_agnostic: bool = False,
    classes: Optional[Sequence[str]] = None,
    multi_label: bool = False,
    adapt: bool = False,
    workers: int = 1,
    card: Optional[ModelCard] = None,
) -> Detector:
    """Load a model and return its detector, a context manager.

    model: a name in `weights/`, or the path of an ONNX file that has its card beside it. backend, device, precision:
    see `open_backend`. size: longer side of the network's input in pixels, a multiple of the card's `multiple` (32 for
    YOLOv3-tiny); None for the model's own, or 416 where its card has none. square: pad the input to size x size,
    whatever the card says of how frames are fitted. confidence: minimum score. iou: NMS drops the lower-scoring of two
    boxes that overlap by more than this. class_agnostic: also between boxes of different classes. classes: report only
    these labels, in any spelling of `app.labels`. multi_label, adapt: see `Detector`. workers: how many threads will
    infer at once. card: the model's, if it has been read already.

    Raises ModelError for a model or backend that cannot be used, UsageError for a wrong size or label.
    """
    path = find_model(model)
    card = card or read_card(path)
    if classes is not None:
        class_numbers(classes, card.labels)  # a wrong label is reported before the backend takes its time
    opened = open_backend(path, backend, device, precision, workers)
    try:
        return Detector(
            opened,
            card,
            size=size,
            square=square,
            confidence=confidence,
            iou=iou,
            class_agnostic=class_agnostic,
            classes=classes,
            multi_label=multi_label,
            adapt=adapt,
        )
    except BaseException:
        opened.close()
        raise


def class_numbers(classes: Sequence[str], labels: Sequence[str], what: str = "classes") -> List[int]:
    """Positions of class names among a model's labels; see `app.labels` for the spellings that are accepted.

    what: the option that names them. Raises UsageError for a name that is not one of them, or that could be several.
    """
    numbers = []
    for name in [classes] if isinstance(classes, str) else classes:
        found = positions(name, labels)
        if not found:
            spellings = {spelling: label for label in reversed(labels) for spelling in (standard(label), label)}
            close = dict.fromkeys(spellings[one] for one in difflib.get_close_matches(name, spellings))
            hint = f"did you mean {' or '.join(close)}?" if close else "the model's card lists its labels"
            raise UsageError(f"{what}: the model has no label {name!r}; {hint}")
        if len(found) > 1:
            several = " or ".join(labels[number] for number in found)
            raise UsageError(f"{what}: {name!r} could be {several}; write it as the model's card does")
        numbers.append(found[0])
    return numbers
