"""Overload: a camera at 30 FPS, a detector that takes 100 ms, a recording, and a viewer.

The backend is a fake that sleeps, as if another chip did the work; camera, loop, overlay and recording are real.
"""

import argparse
import os
import tempfile
import threading
import time
from typing import List

import numpy as np

from app.backends.fake import FakeBackend
from app.detections import Detections
from app.detector import Detector
from app.frame import Frame
from app.layout import Head
from app.loop.channel import Channel
from app.modelcard import ModelCard
from app.pipeline import Pipeline
from app.sinks import Sink
from app.sinks.recording import open_recording
from app.sources import open_source
from app.stop import Stop
from tools.soak.figure import Figure

FPS, INFERENCE = 30, 0.1
SPAN = 5.0  # seconds over which the latency is looked at, from the first second on, and at the end


class Screen(Sink):
    """Records how old every image is when it is shown, and when that was."""

    queue_size = 1

    def __init__(self) -> None:
        self.seen: List["tuple[float, float]"] = []

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = time.monotonic()
        self.seen.append((now, now - frame.captured_at))


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test; its figures."""
    card = ModelCard("none", "0" * 64, ("nothing",), (Head(32, ((80.0, 80.0),)),), 32, 1 / 255)
    heads = [np.full((1, 6, 10, 13), -20, np.float32)]
    detector = Detector(FakeBackend(heads, seconds=INFERENCE), card)
    screen, stop = Screen(), Stop()
    with tempfile.TemporaryDirectory() as folder, open_source(f"test://640x480@{FPS}?live") as source, stop:
        recording = open_recording(os.path.join(folder, "soak.mkv"), source)
        pipeline = Pipeline([Channel(source, detector, sinks=[screen, recording])], stop=stop)
        end = threading.Timer(args.seconds, stop.request)
        end.start()
        pipeline.run()
        end.cancel()
        fields = pipeline.report()
    began = screen.seen[0][0]
    early = _percentile([age for at, age in screen.seen if 1 <= at - began < 1 + SPAN])
    late = _percentile([age for at, age in screen.seen if at - began > args.seconds - SPAN - 1])
    consistent = fields["captured"] == fields["frames"] + fields["dropped"]
    captured = fields["captured"] / fields["duration_s"]
    return [
        Figure("latency p95 after a second", f"{1000 * early:.1f} ms", "145 ms at most", early <= 0.145),
        Figure(f"latency p95 after {args.seconds:g} s", f"{1000 * late:.1f} ms", "145 ms at most", late <= 0.145),
        Figure("real rate", f"{fields['fps']['real']:.2f} FPS", "9.5 FPS or more", fields["fps"]["real"] >= 9.5),
        Figure(
            "captured, processed, dropped",
            f"{fields['captured']} ({captured:.1f} FPS), {fields['frames']}, {fields['dropped']}",
            f"they add up, at {FPS} FPS",
            consistent and abs(captured - FPS) < 1,
        ),
    ]


def _percentile(values: List[float], percent: float = 95) -> float:
    return float(np.percentile(values, percent)) if values else float("inf")
