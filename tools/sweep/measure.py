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
from typing import Any, Dict, List, Optional

import cv2
import numpy as np

from app.backends import Backend, open_backend
from app.command import exit_code, leave
from app.detector import Detector
from app.errors import SourceError, UsageError
from app.files import write_file
from app.frame import Source
from app.modelcard import read_card
from app.pipeline import report, run
from app.sinks import Sink
from app.sources import open_source
from app.stop import Stop
from app.threads import share_heaps
from app.timing import WARM_UP_FRAMES, Timing
from app.timing.memory import peak_memory
from app.timing.tally import Tally
from tools.delay import DelayPacer
from tools.score import LEAST_SCORE
from tools.sweep.conditions import Conditions
from tools.sweep.grid import ACCURACY, Combination, from_json
from tools.sweep.recapture import Recaptured
from tools.sweep.watching import Found, Watch, WatchedDetector

Json = Dict[str, Any]

JPEG_QUALITY = 80
PR_SET_PDEATHSIG = 1  # of prctl(2)


def measure(spec: Json) -> Json:
    """Measure what `spec` says; see `tools.sweep` for its fields. Raises NanoyoloError."""
    combination = from_json(spec["combination"])
    accuracy = spec["round"] == ACCURACY
    cv2.setNumThreads(1)  # as app.detect does
    share_heaps()
    card = read_card(spec["model"])
    with Stop() as stop, ExitStack() as stack:
        source = stack.enter_context(_open(spec["source"], combination, spec["loop"] and not accuracy))
        began = time.monotonic()
        backend = stack.enter_context(_open_backend(spec, combination.backend))
        expected = spec["backends"][combination.backend]
        if not backend.description.startswith(expected):
            raise UsageError("the backend was {} when this began, and is {}".format(expected, backend.description))
        opened_ms = 1000 * (time.monotonic() - began)
        detector = WatchedDetector(
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
        watch = detector.watch = Watch(spec["example"])
        if accuracy:
            detector.as_shown = Detector(backend, card, combination.size, spec["square"], spec["confidence"])
        found = Found(detector, spec["images"], spec["category_ids"] or range(len(card.labels)))
        sinks: List[Sink] = [found] if accuracy else [watch, found] if spec["keep_found"] else [watch]
        frames = None if accuracy else spec["frames"]
        conditions = Conditions()
        run(source, detector, sinks, timing, tally, stop, max_frames=frames, pacer=pacer)
        if stop.requested:
            raise KeyboardInterrupt
        fields = report(source, detector, timing, tally)
        fields.update(conditions.report())
    if not accuracy and timing.frames < WARM_UP_FRAMES + 2:
        raise SourceError("{}: too short: it gave {} frames".format(source.name, timing.frames))
    fields.update(
        opened_ms=round(opened_ms, 1), memory_mb=peak_memory(), overlapped=not backend.fills_cpu, live=source.live
    )
    if accuracy or spec["keep_found"]:
        write_file(spec["detections"], json.dumps(found.results).encode())
    if accuracy:
        write_file(spec["shown"], json.dumps(found.shown).encode())
        return fields
    picture = watch.picture(card.labels)
    if picture is not None:
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
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


def describe(spec: Json) -> Json:
    """What `spec`'s backend is here, as measurements with it will say. Raises ModelError where it cannot be had."""
    with _open_backend(spec, spec["backend"]) as backend:
        return {"backend": backend.description}


def _open_backend(spec: Json, named: str) -> Backend:
    name, _, precision = named.partition(":")
    return open_backend(spec["model"], name, spec["device"], precision or "auto")


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
        result = measure(spec) if "combination" in spec else describe(spec)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()

    return exit_code(work)


if __name__ == "__main__":
    leave(main())
