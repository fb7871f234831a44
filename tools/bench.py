"""Measures the loop against the two things it should be measured against, on the same video and in one run:

  bare    the ONNX Runtime session alone, fed one tensor again and again: what no loop can beat
  naive   a plain sequential loop of OpenCV and ONNX Runtime: what one would write first

All three decode, infer at the same input shape and with as many threads. They take turns within each round, so that a
machine whose speed drifts favours none; figures are medians over the rounds, ratios are taken within a round.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from app.backends import physical_cores
from app.backends.onnx import OnnxBackend
from app.command import Parser, exit_code, number
from app.detector import Detector
from app.errors import SourceError
from app.files import check_writable, write_file
from app.letterbox import Letterbox
from app.modelcard import ModelCard, find_model, read_card
from app.pipeline import Tally, run
from app.sources import open_source
from app.stop import Stop
from app.timing import STAGES, WARM_UP_FRAMES, Timing

CONFIDENCE, OVERLAP = 0.25, 0.45

EXAMPLES = """examples:
  python -m tools.bench --cam street.mp4
  python -m tools.bench --cam street.mp4 --sizes 160 --rounds 9 --report bench.json
"""

Json = Dict[str, Any]


class Loop:
    """The project's loop: decode, preprocess, infer, postprocess, draw; no sink."""

    def __init__(self, model: str, card: ModelCard, uri: str, size: int, threads: int) -> None:
        self._uri = uri
        self._detector = Detector(OnnxBackend(model, "cpu", threads=threads), card, size, False, CONFIDENCE, OVERLAP)
        self.stages_ms: Dict[str, List[float]] = {stage: [] for stage in STAGES}

    def __call__(self, frames: int) -> float:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # as app.detect does
        timing = Timing()
        tally = Tally(self._detector.card.labels)
        with open_source(self._uri, loop=True) as source:
            last = frames + WARM_UP_FRAMES
            run(source, self._detector, [], timing, tally, Stop(), draw=True, max_frames=last)
        cv2.setNumThreads(threads)
        report: Json = timing.report()
        for stage, times in report["stages_ms"].items():
            self.stages_ms[stage].append(times["mean"])
        return float(report["fps"]["real"])


class Bare:
    """The session and nothing else, with ONNX Runtime's own settings but for the number of threads."""

    def __init__(self, model: str, shape: Sequence[int], threads: int) -> None:
        self._session = _session(model, threads)
        self._tensor = np.random.default_rng(0).random((1, 3, *shape), np.float32)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, frames: int) -> float:
        for _ in range(WARM_UP_FRAMES):
            self._session.run(None, {self._input: self._tensor})
        start = time.monotonic()
        for _ in range(frames):
            self._session.run(None, {self._input: self._tensor})
        return frames / (time.monotonic() - start)


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


def bench(args: argparse.Namespace) -> Json:
    """Do what the command line says; the figures."""
    model = find_model(args.model)
    card = read_card(model)
    with open_source(args.cam) as source:
        first = next((frame for frame in source if frame is not None), None)
        is_video = source.fps is not None and len(source.files) == 1
    if first is None or not is_video:
        raise SourceError(f"{args.cam}: should be a video file")
    height, width = first.image.shape[:2]
    threads = args.threads or physical_cores()
    result: Json = {"source": args.cam, "threads": threads, "machine": machine(), "sizes": {}}
    for size in args.sizes:
        letterbox = Letterbox.fit(width, height, size)
        loop = Loop(model, card, args.cam, size, threads)
        runners: Dict[str, Callable[[int], float]] = {
            "bare": Bare(model, (letterbox.height, letterbox.width), threads),
            "naive": Naive(model, card, args.cam, size, threads),
            "loop": loop,
        }
        frames = max(30, int(args.seconds * runners["bare"](30)))
        rounds: List[Dict[str, float]] = []
        for turn in tqdm(range(args.rounds), desc=f"size {size}", unit=" rounds", leave=False):
            order = list(runners)
            order = order[turn % 3 :] + order[: turn % 3]
            rounds.append({name: runners[name](frames) for name in order})
        result["sizes"][size] = {
            "input": [letterbox.height, letterbox.width],
            "frames": frames,
            "fps": {name: _spread([rates[name] for rates in rounds]) for name in runners},
            "loop/bare": _spread([rates["loop"] / rates["bare"] for rates in rounds]),
            "loop/naive": _spread([rates["loop"] / rates["naive"] for rates in rounds]),
            "stages_ms": {stage: round(statistics.median(times), 3) for stage, times in loop.stages_ms.items()},
        }
        print(line(size, result["sizes"][size]), flush=True)
    return result


def line(size: int, figures: Json) -> str:
    """The figures of one size, for people."""
    fps = figures["fps"]
    ratios = [f"{name} {figures[name]['median']:.3f}" for name in ("loop/bare", "loop/naive")]
    rates = [f"{name} {fps[name]['median']:.1f} ({fps[name]['least']:.1f} to {fps[name]['most']:.1f})" for name in fps]
    stages = [f"{stage} {ms:.2f}" for stage, ms in figures["stages_ms"].items() if ms >= 0.005]
    return f"size {size}: {', '.join(ratios)}; FPS: {', '.join(rates)}; loop, ms: {', '.join(stages)}"


def machine() -> Json:
    """What the figures were measured on."""
    import onnxruntime

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            name = next((row.split(":")[1].strip() for row in file if row.startswith("model name")), name)
    except OSError:
        pass
    versions = {"python": platform.python_version(), "opencv": cv2.__version__, "onnxruntime": onnxruntime.__version__}
    return {"processor": name, "cores": physical_cores(), **versions}


def _spread(values: Sequence[float]) -> Json:
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
    }


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.bench", description=__doc__, epilog=EXAMPLES)
    positive = number(int, 1, 1000, "a number")
    seconds = number(float, 0.01, 600, "a time")
    sizes = [160, 320, 416]
    parser.add_argument("--cam", required=True, metavar="FILE", help="the video to run on")
    parser.add_argument("--model", default="yolov3-tiny", metavar="NAME", help="(default: %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, metavar="N", help="(default: 160 320 416)")
    parser.add_argument("--rounds", type=positive, default=7, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=seconds, default=3, help="length of one turn (default: %(default)s)")
    parser.add_argument("--threads", type=positive, help="threads of the session (default: one per physical core)")
    parser.add_argument("--report", metavar="FILE", help="write the figures as JSON")

    def work() -> None:
        args = parser.parse_args(argv)
        if args.report is not None:
            check_writable(args.report)
        result = bench(args)
        if args.report is not None:
            write_file(args.report, (json.dumps(result, indent=2) + "\n").encode())

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
