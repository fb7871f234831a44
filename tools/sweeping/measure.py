"""One measurement of a sweep, in a process of its own: the program's real loop, at one combination of settings.

A fresh process knows nothing of the settings before it: no warm caches, no memory that another backend took. Reads
what to do as JSON on standard input, and writes what was measured as JSON on standard output.
"""

import ctypes
import json
import os
import signal
import sys
import time
from contextlib import ExitStack
from typing import Any, Dict, List, Optional, Sequence

import cv2
import numpy as np

from app.backends import open_backend
from app.board import Board
from app.command import exit_code, leave
from app.detections import Detections
from app.detector import Detector
from app.errors import SourceError
from app.files import write_file
from app.frame import Frame, Source
from app.memory import peak_memory
from app.modelcard import read_card
from app.pipeline import report, run
from app.sinks import Sink
from app.sources import open_source
from app.stop import Stop
from app.tally import Tally
from app.threads import share_heaps
from app.timing import WARM_UP_FRAMES, Timing
from tools.delay import DelayPacer
from tools.scoring import LEAST_SCORE
from tools.sweeping.grid import ACCURACY, Combination, from_json
from tools.sweeping.recapture import Recaptured

Json = Dict[str, Any]

BOARD_PERIOD = 0.5  # seconds between two looks at power and temperature
JPEG_QUALITY = 80
PR_SET_PDEATHSIG = 1  # of prctl(2)


class Watch(Sink):
    """What a window would be to the loop, but it only looks: latency, power and temperature, and one picture."""

    def __init__(self, example: int) -> None:
        """example: number of the frame whose picture is kept."""
        self._example = example
        self._board = Board()
        self._looked = 0.0
        self.latencies: List[float] = []
        self.numbers: List[int] = []  # of the frames, among all that were captured
        self.power: List[float] = []
        self.temperature: List[float] = []
        self.picture: Optional[np.ndarray] = None
        self.size = (0, 0)

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = time.monotonic()
        self.latencies.append(now - frame.captured_at)
        self.numbers.append(frame.index)
        self.size = canvas.shape[1], canvas.shape[0]
        if frame.index == self._example or self.picture is None:
            self.picture = canvas.copy()
        if now - self._looked >= BOARD_PERIOD:
            self._looked = now
            for figure, values in ((self._board.power(), self.power), (self._board.temperature(), self.temperature)):
                if figure is not None:
                    values.append(figure)


class Found(Sink):
    """Keeps the detections, in COCO's results format."""

    wants_canvas = False

    def __init__(self, images: Json, category_ids: Sequence[Optional[int]]) -> None:
        """images: of labelled ones, file name -> `id`, `width`, `height`: boxes are in pixels of these. Without, the
        frames' numbers are the ids, and boxes are in pixels of the frame. category_ids: of the model's classes.
        """
        self._images = images
        self._category_ids = category_ids
        self.results: List[Json] = []

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
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
                self.results.append(dict(result, score=round(score, 6)))


def measure(spec: Json) -> Json:
    """Measure what `spec` says; see `tools.sweep` for its fields. Raises NanoyoloError."""
    combination = from_json(spec["combination"])
    accuracy = spec["round"] == ACCURACY
    cv2.setNumThreads(1)  # as app.detect does
    share_heaps()
    card = read_card(spec["model"])
    backend_name, _, precision = combination.backend.partition(":")
    with Stop() as stop, ExitStack() as stack:
        source = stack.enter_context(_open(spec["source"], combination, spec["loop"] and not accuracy))
        began = time.monotonic()
        backend = stack.enter_context(open_backend(spec["model"], backend_name, spec["device"], precision or "auto"))
        opened_ms = 1000 * (time.monotonic() - began)
        detector = Detector(
            backend,
            card,
            combination.size,
            spec["square"],
            LEAST_SCORE if accuracy else spec["confidence"],
            multi_label=accuracy,
            adapt=source.live,
        )
        timing = Timing(combination.fps, source.live)
        tally = Tally(card.labels)
        pacer = DelayPacer(combination.fps) if combination.pacing == "delay" and combination.fps else None
        watch = Watch(spec["example"])
        found = Found(spec["images"], spec["category_ids"] or range(len(card.labels)))
        sinks: List[Sink] = [found] if accuracy else [watch, found] if spec["keep_found"] else [watch]
        frames = None if accuracy else spec["frames"]
        run(source, detector, sinks, timing, tally, stop, max_frames=frames, pacer=pacer)
        if stop.requested:
            raise KeyboardInterrupt
        fields = report(source, detector, timing, tally)
    if not accuracy and timing.frames < WARM_UP_FRAMES + 2:
        raise SourceError("{}: too short: it gave {} frames".format(source.name, timing.frames))
    fields.update(
        opened_ms=round(opened_ms, 1), memory_mb=peak_memory(), overlapped=not backend.fills_cpu, live=source.live
    )
    if accuracy or spec["keep_found"]:
        write_file(spec["detections"], json.dumps(found.results).encode())
    if accuracy:
        return fields
    if watch.picture is not None:
        _, jpeg = cv2.imencode(".jpg", watch.picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        write_file(spec["picture"], jpeg.tobytes())
    warm = watch.numbers[WARM_UP_FRAMES:]  # what a camera gave while the model was loaded is no drop of the loop's
    captured = warm[-1] - warm[0] + 1
    latencies = np.percentile(watch.latencies[WARM_UP_FRAMES:], np.arange(0, 101, 2)) * 1000
    fields.update(
        captured=captured,
        dropped=captured - len(warm),
        captured_size=watch.size,
        latency_percentiles_ms=[round(ms, 3) for ms in latencies.tolist()],
        power_w=_mean(watch.power),
        temperature_c=max(watch.temperature) if watch.temperature else None,
    )
    return fields


def _open(uri: str, combination: Combination, loop: bool) -> Source:
    """The source at the combination's resolution: asked of a camera, of anything else made from larger pictures.

    A camera that has gone is not waited for: nobody would see why nothing is measured.
    """
    if combination.capture is None:
        return open_source(uri, fps=combination.fps, loop=loop, retry=0)
    width, height = combination.capture
    if is_camera(uri):
        return open_source(uri, width, height, combination.fps, retry=0)
    return Recaptured(open_source(uri, fps=combination.fps, loop=loop, retry=0), width, height)


def is_camera(uri: str) -> bool:
    """Whether a source is one that can be asked for a resolution."""
    return uri.isdigit() or uri.startswith(("/dev/", "csi://"))


def end_with(parent: int) -> None:
    """Have this process end when the one that started it is killed: a camera would be in use, and cores busy."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (AttributeError, OSError, TypeError):
        pass  # not Linux
    if os.getppid() != parent:  # it had gone before
        raise KeyboardInterrupt


def _mean(values: List[float]) -> Optional[float]:
    return round(sum(values) / len(values), 3) if values else None


def main() -> int:
    """Measure; the exit code."""

    def work() -> None:
        spec = json.load(sys.stdin)
        end_with(spec["parent"])
        result = measure(spec)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()

    return exit_code(work)


if __name__ == "__main__":
    leave(main())
