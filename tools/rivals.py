"""What `tools.bench` measures. Each is called with a number of frames, and returns FPS without warm-up."""

import os
import statistics
import tempfile
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

import cv2
import numpy as np

from app.backends import Backend, open_backend
from app.detector import Detector
from app.modelcard import ModelCard
from app.pipeline import run
from app.recording import open_recording
from app.sources import open_source
from app.stop import Stop
from app.tally import Tally
from app.timing import STAGES, WARM_UP_FRAMES, Timing
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
    ) -> None:
        """fps: the rate to keep; with `delay`, by a delay after each frame."""
        self._uri = uri
        self._fps = fps
        self._delay = delay
        self._save = save
        self._detector = Detector(backend, card, size, False, CONFIDENCE, OVERLAP)
        self.stages_ms: Dict[str, List[float]] = {stage: [] for stage in STAGES}

    def __call__(self, frames: int) -> float:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # as app.detect does
        timing = Timing(self._fps)
        tally = Tally(self._detector.card.labels)
        with open_source(self._uri, loop=True) as source, tempfile.TemporaryDirectory() as folder:
            sinks = [open_recording(os.path.join(folder, "bench.mkv"), source.fps, None, False)] if self._save else []
            last = frames + WARM_UP_FRAMES
            pacer = DelayPacer(self._fps) if self._delay and self._fps else None
            run(source, self._detector, sinks, timing, tally, Stop(), draw=True, max_frames=last, pacer=pacer)
        cv2.setNumThreads(threads)
        report: Dict[str, Any] = timing.report()
        for stage, times in report["stages_ms"].items():
            self.stages_ms[stage].append(times["mean"])
        return float(report["fps"]["real"])

    def work(self) -> float:
        """Seconds that a frame took of all stages but waiting: the median over the turns."""
        turns = zip(*(times for stage, times in self.stages_ms.items() if stage != "wait"))
        return float(statistics.median(sum(turn) for turn in turns)) / 1000


class Bare:
    """The session and nothing else, with ONNX Runtime's own settings but for the number of threads."""

    def __init__(self, model: str, shape: Sequence[int], threads: int) -> None:
        self._session = _session(model, threads)
        self._tensor = _noise(shape)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, frames: int) -> float:
        return _rate(lambda: self._session.run(None, {self._input: self._tensor}), frames)


class Network:
    """A backend and nothing else, fed one tensor again and again."""

    def __init__(self, model: str, name: str, shape: Sequence[int]) -> None:
        """name: a backend, or a backend and a precision as `openvino:bf16`. Raises ModelError."""
        backend, _, precision = name.partition(":")
        self._backend: Backend = open_backend(model, backend, "auto", precision or "auto")
        self._tensor = _noise(shape)
        self._backend.infer(self._tensor)  # what does not run is found out here
        self.description = self._backend.description

    def close(self) -> None:
        """Free what the backend holds."""
        self._backend.close()

    def __call__(self, frames: int) -> float:
        return _rate(lambda: self._backend.infer(self._tensor), frames)


class KerasPredict:
    """The Keras model that the TensorFlow backend's graph was frozen from, through `predict()`, as one would first."""

    description = "keras predict()"

    def __init__(self, weights: str, shape: Sequence[int]) -> None:
        """Raises ModelError where there is no TensorFlow, or the Darknet weights are not there."""
        from app.backends.tensorflow import tf  # noqa: F401  (first, since it is quiet)
        from models import yolov3_tiny
        from tools.convert import read_convolutions

        self._model = yolov3_tiny.emit_keras(read_convolutions(weights))
        self._tensor = np.ascontiguousarray(_noise(shape).transpose(0, 2, 3, 1))

    def close(self) -> None:
        """Nothing is held that Python does not free."""

    def __call__(self, frames: int) -> float:
        return _rate(lambda: self._model.predict(self._tensor, verbose=0), frames)


class Naive:
    """The loop one would write first, written well: step after step, OpenCV's own functions where it has them."""

    def __init__(self, model: str, card: ModelCard, uri: str, size: int, threads: int) -> None:
        self._session = _session(model, threads)
        self._input = self._session.get_inputs()[0].name
        self._card = card
        self._uri = uri
        self._size = size
        self._last = time.monotonic()

    def __call__(self, frames: int) -> float:
        capture = cv2.VideoCapture(self._uri)
        done, start = -WARM_UP_FRAMES, time.monotonic()
        while done < frames:
            good, image = capture.read()
            if not good:
                capture.release()
                capture = cv2.VideoCapture(self._uri)
                continue
            self._frame(image)
            done += 1
            if done == 0:
                start = time.monotonic()
        seconds = time.monotonic() - start
        capture.release()
        return frames / seconds

    def _frame(self, image: np.ndarray) -> None:
        height, width = image.shape[:2]
        scale = self._size / max(height, width)
        resized = cv2.resize(image, (int(width * scale), int(height * scale)))
        bottom, right = -resized.shape[0] % 32, -resized.shape[1] % 32
        padded = cv2.copyMakeBorder(resized, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(128, 128, 128))
        blob = cv2.dnn.blobFromImage(padded, 1 / 255, swapRB=True)
        outputs = self._session.run(None, {self._input: blob})

        boxes: List[List[float]] = []
        scores: List[float] = []
        labels: List[int] = []
        for output, head in zip(outputs, self._card.heads):
            rows, columns = output.shape[2:]
            cells = output.reshape(len(head.anchors), -1, rows, columns)
            objectness = 1 / (1 + np.exp(-cells[:, 4]))
            for anchor, row, column in zip(*np.nonzero(objectness > CONFIDENCE)):
                cell = cells[anchor, :, row, column]
                label = int(cell[5:].argmax())
                score = float(objectness[anchor, row, column] / (1 + np.exp(-cell[5 + label])))
                if score < CONFIDENCE:
                    continue
                x, y = (1 / (1 + np.exp(-cell[:2])) + (column, row)) * head.stride / scale
                w, h = np.exp(cell[2:4]) * head.anchors[anchor] / scale
                boxes.append([x - w / 2, y - h / 2, w, h])
                scores.append(score)
                labels.append(label)
        for index in cv2.dnn.NMSBoxesBatched(boxes, scores, labels, CONFIDENCE, OVERLAP):
            x, y, w, h = (int(side) for side in boxes[index])
            text = f"{self._card.labels[labels[index]]} {scores[index]:.2f}"
            cv2.rectangle(image, (x, y), (x + w, y + h), (0, 255, 0), 2)
            cv2.putText(image, text, (x, y - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0), 1, cv2.LINE_AA)
        now = time.monotonic()
        text = f"{1 / max(now - self._last, 1e-6):.1f} FPS"
        cv2.putText(image, text, (10, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
        self._last = now


def _session(model: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _noise(shape: Sequence[int]) -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, *shape), np.float32)


def _rate(infer: Callable[[], object], frames: int) -> float:
    for _ in range(WARM_UP_FRAMES):
        infer()
    start = time.monotonic()
    for _ in range(frames):
        infer()
    return frames / (time.monotonic() - start)
