"""What `app.classify` writes: the labels of each picture as text, or as JSON lines."""

import json
import os
from typing import Any, Dict, List

import numpy as np

from app.classification.frames import Classes
from app.classifier import Prediction
from app.command import print_lines
from app.detections import Detections
from app.errors import warn
from app.frame import Frame, Source
from app.sinks import Sink
from app.sinks.jsonl import JsonLinesSink
from app.timing import Timing

STATUS_PERIOD = 1.0  # seconds between two lines about a camera


class Labelled(Sink):
    """Counts the frames that were classified, and says which were not; of a camera that would be one line a frame.

    source: to be set before the first frame.
    """

    wants_canvas = False

    def __init__(self) -> None:
        self.source = Source()
        self.frames = self.classified = 0
        self.reason = ""  # why the last of those that were not, was not

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        assert isinstance(detections, Classes)
        self.frames += 1
        if detections.top:
            self.classified += 1
            return
        self.reason = f"{title(self.source, frame)}: {detections.reason}"
        if not self.source.live and self.source.count != 1:  # of a single one it is the error
            warn(self.reason + "; skipped")


class TextSink(Sink):
    """Prints the labels of each frame of a file; of a camera the best, once a second."""

    name = "standard output"
    wants_canvas = False

    def __init__(self, source: Source, timing: Timing) -> None:
        self._source = source
        self._timing = timing
        self._printed_at = -STATUS_PERIOD

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        assert isinstance(detections, Classes)
        if not detections.top:
            return
        if not self._source.live:
            print_lines([title(self._source, frame), *rows(detections.top)])
        elif frame.time - self._printed_at >= STATUS_PERIOD:
            self._printed_at = frame.time
            best, fps = detections.top[0], self._timing.current_fps
            rate = "" if fps is None else f"   {fps:.1f} FPS"
            print_lines([f"{frame.time:8.1f} s  {percent(best)}  {best.label}{rate}"])


class LabelsJsonSink(JsonLinesSink):
    """One JSON object per classified frame: {"file", "top": [{"label", "class", "score"}]}.

    Of a film with "frame" and "t" as well; of a camera with these instead of "file".
    """

    def __init__(self, path: str, source: Source, *, append: bool = False) -> None:
        super().__init__(path, append=append)
        self._source = source

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        assert isinstance(detections, Classes)
        if not detections.top:
            return
        fields: Dict[str, Any] = {}
        if not self._source.live:
            fields["file"] = file_of(self._source, frame)
        if not self._source.names:  # of pictures
            fields.update(frame=frame.index, t=round(frame.time, 4))
        number = list(detections.labels).index
        fields["top"] = [
            {"label": label, "class": number(label), "score": round(score, 4)} for label, score in detections.top
        ]
        self._write_line(json.dumps(fields).encode() + b"\n")


def file_of(source: Source, frame: Frame) -> str:
    """The path of the file that a frame is of; the source's name where it is none."""
    if source.names:  # pictures
        return source.files[frame.index]
    return next((path for path in source.files if path.endswith(os.sep + frame.name)), frame.name or source.name)


def title(source: Source, frame: Frame) -> str:
    """What a frame is called in text."""
    file = file_of(source, frame)
    return file if source.names else f"{file}, frame {frame.index} at {frame.time:.2f} s"


def rows(top: List[Prediction]) -> List[str]:
    """A line for each label, in columns."""
    return [f"  {percent(best)}  {best.label}" for best in top]


def percent(best: Prediction) -> str:
    """Its score, in a column of 7 characters."""
    return f"{100 * best.score:5.1f} %"
