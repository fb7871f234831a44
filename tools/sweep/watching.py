"""What looks at the loop during a measurement: it costs the loop next to nothing, and shows nothing."""

import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from app.board import Board
from app.detections import Detections
from app.detector import Detector
from app.errors import SourceError
from app.frame import Frame
from app.letterbox import Letterbox
from app.overlay import Overlay
from app.sinks import Sink
from app.timing import Timing

Json = Dict[str, Any]

BOARD_PERIOD = 0.5  # seconds between two looks at power and temperature


class Watch(Sink):
    """What a window would be to the loop, but it only looks: latency, power and temperature, and one picture."""

    def __init__(self, example: int) -> None:
        """example: number of the frame whose picture is kept; the first one's, where that was dropped."""
        self._example = example
        self._kept: Optional[int] = None  # number of the frame that was kept
        self._image: Optional[np.ndarray] = None  # of it, without what the loop draws: its status hides detections
        self._found: Optional[Detections] = None  # in it
        self._board = Board()
        self._looked = 0.0
        self.latencies: List[float] = []
        self.numbers: List[int] = []  # of the frames, among all that were captured
        self.power: List[float] = []
        self.temperature: List[float] = []
        self.size = (0, 0)

    def before(self, frame: Frame) -> None:
        """See a frame before it is drawn on."""
        if frame.index == self._example or self._kept is None:
            self._kept, self._image, self._found = frame.index, frame.image.copy(), None

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = time.monotonic()
        self.latencies.append(now - frame.captured_at)
        self.numbers.append(frame.index)
        self.size = canvas.shape[1], canvas.shape[0]
        if frame.index == self._kept:
            self._found = detections
        if now - self._looked >= BOARD_PERIOD:
            self._looked = now
            for figure, values in ((self._board.power(), self.power), (self._board.temperature(), self.temperature)):
                if figure is not None:
                    values.append(figure)

    def picture(self, labels: Sequence[str]) -> Optional[np.ndarray]:
        """The kept frame (h, w, 3) uint8 BGR with its detections, and nothing else on it; None without frames."""
        if self._image is None or self._found is None:
            return None
        Overlay(labels, Timing()).draw(self._image, self._found)
        return self._image


class WatchedDetector(Detector):
    """The detector, which lets `watch` see each frame before it is drawn on.

    Where accuracy is measured it gives every label of a box, however unlikely; `as_shown` is then the detector as the
    program has it, and `shown` what that one finds in the frame that was finished last.
    """

    watch: Watch
    as_shown: Optional[Detector] = None
    shown: Optional[Detections] = None

    def infer(self, frame: Frame) -> Tuple[List[np.ndarray], Letterbox]:
        self.watch.before(frame)
        return super().infer(frame)

    def finish(self, outputs: Sequence[np.ndarray], letterbox: Letterbox) -> Detections:
        if self.as_shown is not None:
            self.shown = self.as_shown.finish(outputs, letterbox)
        return super().finish(outputs, letterbox)


class Found(Sink):
    """Keeps the detections, in COCO's results format."""

    wants_canvas = False

    def __init__(self, detector: WatchedDetector, images: Json, category_ids: Sequence[Optional[int]]) -> None:
        """detector: whose detections they are. images: of labelled ones, file name -> `id`, `width`, `height`: boxes
        are in pixels of these. Without, the frames' numbers are the ids, and boxes are in pixels of the frame.
        category_ids: of the model's classes.
        """
        self._detector = detector
        self._images = images
        self._category_ids = category_ids
        self.results: List[Json] = []
        self.shown: List[Json] = []  # of `results`, what the program shows, where that is less

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        self.results += self._in_image(frame, detections)
        if self._detector.shown is not None:
            self.shown += self._in_image(frame, self._detector.shown)

    def _in_image(self, frame: Frame, detections: Detections) -> Iterator[Json]:
        height, width = frame.image.shape[:2]
        image = self._images.get(frame.name) if self._images else {"id": frame.index, "width": width, "height": height}
        if image is None:
            raise SourceError("{}: has come to the folder since the sweep began; it has no labels".format(frame.name))
        boxes = detections.boxes * np.array([image["width"] / width, image["height"] / height] * 2, np.float32)
        for (x1, y1, x2, y2), score, label in zip(
            boxes.tolist(), detections.scores.tolist(), detections.classes.tolist()
        ):
            if self._category_ids[label] is not None:
                box = [round(side, 3) for side in (x1, y1, x2 - x1, y2 - y1)]
                result = {"image_id": image["id"], "category_id": self._category_ids[label], "bbox": box}
                yield dict(result, score=round(score, 6))
