"""The loop, and the backends alone. Each is called with a number of frames, and returns FPS without warm-up."""

import os
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from typing import Callable, ContextManager, Dict, Iterator, List, Optional, Sequence

import cv2
import numpy as np

from app.backends import Backend
from app.detector import Detector
from app.errors import ModelError
from app.loop.channel import Channel
from app.modelcard import ModelCard
from app.pipeline import Pipeline
from app.sinks import Sink
from app.sinks.recording import open_recording
from app.sources import open_source
from app.timing import STAGES, WARM_UP_FRAMES
from app.tracking.watch import Watch
from tools.bench.bare import noise, rate
from tools.delay import DelayPacer

CONFIDENCE, OVERLAP = 0.25, 0.45


class Loop:
    """The project's loop: decode, preprocess, infer, postprocess, draw; with `save` also a recording, else no sink."""

    def __init__(
        self,
        backend: Backend,
        card: ModelCard,
        uri: str,
        size: int,
        save: bool = False,
        fps: Optional[float] = None,
        delay: bool = False,
        threads: int = 1,
        watch: Optional[Callable[[], Watch]] = None,
        sinks: Optional[Callable[[str], ContextManager[List[Sink]]]] = None,
    ) -> None:
        """fps: the rate to keep; with `delay`, by a delay after each frame. threads: OpenCV's, 1 as in app.detect.

        watch: makes what tracks in each turn. sinks: opens the sinks of each turn, which may write into a folder.
        """
        self._threads = threads
        self._uri = uri
        self._fps = fps
        self._delay = delay
        self._save = save
        self._watch = watch
        self._sinks = sinks
        confidence = CONFIDENCE if watch is None else watch().detector_confidence
        self._detector = Detector(backend, card, size=size, confidence=confidence, iou=OVERLAP)
        self.stages_ms: Dict[str, List[float]] = {stage: [] for stage in STAGES}

    def __call__(self, frames: int) -> float:
        with opencv_threads(self._threads), open_source(self._uri, loop=True) as source:
            with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                file = os.path.join(folder, "bench.mkv")
                sinks = [open_recording(file, source)] if self._save else []
                more = stack.enter_context(self._sinks(folder)) if self._sinks is not None else []
                pacer = DelayPacer(self._fps) if self._delay and self._fps else None
                channel = Channel(
                    source,
                    self._detector,
                    sinks=[*sinks, *more],
                    fps=self._fps,
                    pacer=pacer,
                    max_frames=frames + WARM_UP_FRAMES,
                    draw=True,
                    watch=self._watch() if self._watch is not None else None,
                )
                pipeline = Pipeline([channel])
                pipeline.run()
        report = pipeline.report()
        for stage, times in report["stages_ms"].items():
            self.stages_ms[stage].append(times["mean"])
        return float(report["fps"]["real"])

    def work(self) -> float:
        """Seconds that a frame took of all stages but waiting: the median over the turns."""
        turns = zip(*(times for stage, times in self.stages_ms.items() if stage != "wait"))
        return float(statistics.median(sum(turn) for turn in turns)) / 1000


class Network:
    """A backend and nothing else, fed one tensor again and again.

    warm_up_ms: what loading the model and the first inference took, which no rate contains; the runtime's import is in
    neither. opencv_threads: what OpenCV may use beside this backend, or in it.
    """

    def __init__(self, opening: Callable[[], Backend], shape: Sequence[int]) -> None:
        """opening: loads the model. shape: height and width. Raises ModelError for what does not run."""
        self._tensor = noise(shape)
        with opencv_threads(1):  # as in app.detect; the opencv backend then takes what it needs
            start = time.monotonic()
            self.backend = opening()
            try:
                self.backend.infer(self._tensor)
            except ModelError:
                self.backend.close()
                raise
            self.warm_up_ms = _milliseconds(start)
            self.opencv_threads = cv2.getNumThreads()
        self.description = self.backend.description

    def close(self) -> None:
        self.backend.close()

    def __call__(self, frames: int) -> float:
        with opencv_threads(self.opencv_threads):
            return rate(lambda: self.backend.infer(self._tensor), frames)


class KerasPredict:
    """The Keras model that the TensorFlow backend's graph was frozen from, through `predict()`, the obvious way."""

    description = "keras predict()"

    def __init__(self, weights: str, shape: Sequence[int]) -> None:
        """Raises ModelError if there is no TensorFlow, or the Darknet weights are not there."""
        from app.backends.tensorflow import tf  # noqa: F401  (first, since it is quiet)
        from models.darknet_keras import emit_keras
        from tools.darknet_models import tiny

        self._tensor = np.ascontiguousarray(noise(shape).transpose(0, 2, 3, 1))
        start = time.monotonic()
        model = tiny(weights)
        self._model = emit_keras(model.network, model.parameters())
        self._model.predict(self._tensor, verbose=0)
        self.warm_up_ms = _milliseconds(start)

    def close(self) -> None:
        """Nothing is held that Python does not free."""

    def __call__(self, frames: int) -> float:
        return rate(lambda: self._model.predict(self._tensor, verbose=0), frames)


@contextmanager
def opencv_threads(count: int) -> Iterator[None]:
    """Let OpenCV use so many threads meanwhile."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _milliseconds(start: float) -> float:
    return round(1000 * (time.monotonic() - start), 1)
