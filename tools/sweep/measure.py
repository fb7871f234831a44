"""One measurement of a sweep, in a process of its own: the program's real loop, at one combination of settings.

A fresh process knows nothing of the settings before it: no warm caches, no memory that another backend took. Reads
what to do as JSON on standard input, and writes what was measured as JSON on standard output.
"""

import ctypes
import json
import os
import signal
import statistics
import sys
import time
from contextlib import ExitStack

import cv2
import numpy as np

from app.backends import open_backend
from app.command import exit_code, leave, print_lines
from app.detector import Detector, load_detector
from app.errors import SourceError, UsageError
from app.files import write_file
from app.frame import Source
from app.loop.channel import Channel
from app.pipeline import Pipeline, configure_process
from app.sources import CameraOptions, open_source
from app.stop import Stop
from app.timing import WARM_UP_FRAMES
from app.timing.memory import peak_memory
from tools.delay import DelayPacer
from tools.json_file import Json
from tools.score import LEAST_SCORE
from tools.sweep.conditions import Conditions
from tools.sweep.grid import ACCURACY, Combination, from_json
from tools.sweep.recapture import Recaptured
from tools.sweep.watching import Found, Watch

JPEG_QUALITY = 80
PR_SET_PDEATHSIG = 1  # of prctl(2)


def measure(spec: Json) -> Json:
    """Measure what `spec` says; see `tools.sweep` for its fields. Raises NanoyoloError."""
    combination = from_json(spec["combination"])
    accuracy = spec["round"] == ACCURACY
    configure_process()
    with Stop() as stop, ExitStack() as stack:
        source = stack.enter_context(_open(spec["source"], combination, spec["loop"] and not accuracy))
        began = time.monotonic()
        backend, _, precision = combination.backend.partition(":")
        detector = stack.enter_context(
            load_detector(
                spec["model"],
                backend=backend,
                device=spec["device"],
                precision=precision or "auto",
                size=combination.size,
                square=spec["square"],
                confidence=LEAST_SCORE if accuracy else spec["confidence"],
                multi_label=accuracy,
                adapt=source.live,
            )
        )
        opened_ms = 1000 * (time.monotonic() - began)
        expected = spec["backends"][combination.backend]
        if not detector.backend.description.startswith(expected):
            raise UsageError(f"the backend was {expected} when the sweep began, and is {detector.backend.description}")
        watch, found = Watch(spec["example"]), _found(spec, detector)
        observers = [found.observe if accuracy else watch.observe]
        pacer = DelayPacer(combination.fps) if combination.pacing == "delay" and combination.fps else None
        channel = Channel(
            source,
            detector,
            fps=combination.fps,
            pacer=pacer,
            observers=observers,
            sinks=[] if accuracy else [watch],
            max_frames=None if accuracy else spec["frames"],
        )
        pipeline = Pipeline([channel], stop=stop)
        conditions = Conditions()
        pipeline.run()
        if stop.requested:
            raise KeyboardInterrupt
        fields = pipeline.report()
        fields.update(conditions.report())
    if not accuracy and pipeline.timing.frames < WARM_UP_FRAMES + 2:
        raise SourceError(f"{source.name}: too short: it has only {pipeline.timing.frames} frames")
    fields.update(
        opened_ms=round(opened_ms, 1),
        memory_mb=peak_memory(),
        overlapped=not detector.backend.fills_cpu,
        live=source.live,
        skipped=len(spec["skipped"]),
    )
    if accuracy:
        write_file(spec["detections"], json.dumps(found.results).encode())
        write_file(spec["shown"], json.dumps(found.shown).encode())
        return fields
    picture = watch.picture()
    if picture is not None:
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        write_file(spec["picture"], jpeg.tobytes())
    warm = watch.numbers[WARM_UP_FRAMES:]  # frames that came while the model was loading are not the loop's drops
    captured = warm[-1] - warm[0] + 1
    latencies = np.percentile(watch.latencies[WARM_UP_FRAMES:], np.arange(0, 101, 2)) * 1000
    fields.update(
        captured=captured,
        dropped=captured - len(warm),
        captured_size=watch.size,
        latency_percentiles_ms=[round(ms, 3) for ms in latencies.tolist()],
        power_w=round(statistics.mean(watch.power), 3) if watch.power else None,
        temperature_c=max(watch.temperature) if watch.temperature else None,
    )
    return fields


def _found(spec: Json, detector: Detector) -> Found:
    options = {"size": detector.size, "square": spec["square"], "confidence": spec["confidence"]}
    return Found(spec["images"], spec["category_ids"], Detector(detector.backend, detector.card, **options))


def describe(spec: Json) -> Json:
    """What `spec`'s backend is here, as its measurements will report it. Raises ModelError if it is not available."""
    backend, _, precision = spec["backend"].partition(":")
    with open_backend(spec["model"], backend, spec["device"], precision or "auto") as opened:
        return {"backend": opened.description}


def _open(uri: str, combination: Combination, loop: bool) -> Source:
    """The source at the combination's resolution: requested from a camera; anything else is shrunk.

    A camera that has gone is not waited for: the wait would be silent.
    """
    options = CameraOptions(fps=combination.fps, retry=0)
    if combination.capture is None:
        return open_source(uri, options, loop=loop)
    width, height = combination.capture
    if is_camera(uri):
        return open_source(uri, options._replace(width=width, height=height))
    return Recaptured(open_source(uri, options, loop=loop), width, height)


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


def main() -> int:
    """Measure; the exit code."""

    def work() -> None:
        spec = json.load(sys.stdin)
        end_with(spec["parent"])
        result = measure(spec) if "combination" in spec else describe(spec)
        print_lines([json.dumps(result)])

    return exit_code(work)


if __name__ == "__main__":
    leave(main())
