"""What recording costs: the loop with clips, continuous recording and a viewer, beside the loop alone."""

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import Iterator, List

import numpy as np

from app.clips.archive import open_archive
from app.clips.clips import ClipSink
from app.clips.retention import Limits
from app.clips.segments import SegmentSink
from app.detections import Detections
from app.events.incident import Change, Incident
from app.frame import Frame
from app.sinks import Sink
from app.web.server import LiveView
from app.web.state import Run
from tools.bench.additions import compare_addition
from tools.bench.results import range_text, rate_lines
from tools.bench.turns import Setting, spread
from tools.json_file import Json

PERIOD, LENGTH = 20.0, 5.0  # seconds of the film between the beginnings of two events, and length of one
ROLL = 5.0  # seconds before and after an event
MOST = 2 << 30  # bytes of all that is recorded in a turn
VIEWER = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("GET", "/cam0/stream.mjpg")
answer = connection.getresponse()
while answer.read(65536):
    pass
"""


class EventsNowAndThen(Sink):
    """Tells the clips of an event every so often. Quick, and so it gets a frame before they do."""

    def __init__(self, clips: ClipSink) -> None:
        self._clips = clips
        self._number, self._there = -1, False

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        number, since = divmod(frame.time, PERIOD)
        there = since < LENGTH
        if there != self._there:
            self._there, self._number = there, int(number) if there else self._number
            end = None if there else frame.time
            start = self._number * PERIOD
            incident = Incident(str(self._number), "cam0", 1, "person", 0, start, end)
            self._clips.listen(Change("new" if there else "end", incident, frame.time), frame)


class Recorder:
    """The sinks of a turn, and the JPEGs that they needed for each frame. encoded: of each turn."""

    def __init__(self) -> None:
        self.encoded: List[float] = []

    @contextmanager
    def sinks(self, folder: str) -> Iterator[List[Sink]]:
        """View, recording and clips, of a camera, with a viewer in a process of its own."""
        archives = [open_archive(os.path.join(folder, name), Limits(MOST)) for name in ("recordings", "clips")]
        segments = SegmentSink(archives[0], "cam0", 600.0)
        clips = ClipSink(archives[1], "cam0", ROLL, ROLL)
        with LiveView("127.0.0.1:0", Run(dict, dict), announce=False) as view:
            viewer = subprocess.Popen([sys.executable, "-c", VIEWER, str(view.port)], stderr=subprocess.DEVNULL)
            try:
                yield [view.sink("cam0"), EventsNowAndThen(clips), segments, clips]
            finally:
                viewer.kill()
                viewer.wait()
            self.encoded.append(view.hub.encoded / max(1, segments.figures()["frames"]))


def compare_recording(setting: Setting) -> Json:
    """The loop with each number of workers, alone, and with all that makes and takes JPEGs."""
    recorder = Recorder()
    figures = compare_addition(setting, "recording", sinks=recorder.sinks)
    return {**figures, "jpegs_per_frame": spread(recorder.encoded)}


def recording_lines(size: int, figures: Json) -> str:
    """Rates and ratios at one size, and how many JPEGs were encoded."""
    line = f"  JPEGs encoded for each frame: {range_text(figures['jpegs_per_frame'], 3)}"
    return f"{rate_lines(size, figures)}\n{line}"
