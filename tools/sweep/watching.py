"""What looks at the loop during a measurement. It costs the loop next to nothing, and shows nothing."""

import time
from typing import Iterator, List, Optional, Sequence, Tuple

import numpy as np

from app.board import Board
from app.detections import Detections
from app.detector import Detector
from app.errors import SourceError
from app.frame import Frame
from app.overlay import draw
from app.sinks import Sink
from tools.json_file import Json

BOARD_PERIOD = 0.5  # seconds between two readings of power and temperature


class Watch(Sink):
    """In a window's place, but it only looks: latency, power and temperature, and one image.

    `observe` is an observer of the pipeline, since the image is needed without what the loop draws on it.
    """

    def __init__(self, example: int) -> None:
        """example: number of the frame whose image is kept; the first one's, if that was dropped."""
        self._example = example
        self._kept: Optional[Tuple[np.ndarray, Detections]] = None
        self._board = Board()
        self._looked = 0.0
        self.latencies: List[float] = []
        self.numbers: List[int] = []  # of the frames, among all that were captured and could be decoded
        self.power: List[float] = []
        self.temperature: List[float] = []
        self.size = (0, 0)

    def observe(self, frame: Frame) -> None:
        """Keep a copy of the example's image, before it is drawn on, and its detections."""
        if frame.times.index == self._example or self._kept is None:
            self._kept = frame.image.copy(), frame.detections

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = time.monotonic()
        self.latencies.append(now - frame.captured_at)
        self.numbers.append(frame.times.index)  # in which a damaged image leaves no gap
        self.size = canvas.shape[1], canvas.shape[0]
        if now - self._looked >= BOARD_PERIOD:
            self._looked = now
            for figure, values in ((self._board.power(), self.power), (self._board.temperature(), self.temperature)):
                if figure is not None:
                    values.append(figure)

    def picture(self) -> Optional[np.ndarray]:
        """The kept frame (h, w, 3) uint8 BGR with its detections, and nothing else on it; None without frames."""
        return None if self._kept is None else draw(*self._kept)


class Found:
    """Keeps the detections in COCO's results format. `observe` is an observer of the pipeline."""

    def __init__(self, images: Json, category_ids: Sequence[Optional[int]], as_shown: Detector) -> None:
        """images: the labelled ones, file name -> `id`, `width`, `height`; boxes are in their pixels. category_ids: of
        the model's classes. as_shown: where accuracy is measured, the loop reports every label of a box, however
        unlikely; this detector reports what the program would show, in `shown`.
        """
        self._images = images
        self._category_ids = category_ids
        self._as_shown = as_shown
        self.results: List[Json] = []
        self.shown: List[Json] = []

    def observe(self, frame: Frame) -> None:
        self.results += self._in_image(frame, frame.detections)
        if frame.letterbox is not None:
            self.shown += self._in_image(frame, self._as_shown.decode(frame.outputs, frame.letterbox))

    def _in_image(self, frame: Frame, detections: Detections) -> Iterator[Json]:
        height, width = frame.image.shape[:2]
        image = self._images.get(frame.name)
        if image is None:
            raise SourceError(f"{frame.name}: was added to the folder after the sweep began, and has no labels")
        scale = (image["width"] / width, image["height"] / height) * 2
        for found in detections:
            category = self._category_ids[found.class_id]
            if category is not None:
                x1, y1, x2, y2 = (side * factor for side, factor in zip(found.box, scale))
                box = [round(side, 3) for side in (x1, y1, x2 - x1, y2 - y1)]
                score = round(found.score, 6)
                yield {"image_id": image["id"], "category_id": category, "bbox": box, "score": score}
