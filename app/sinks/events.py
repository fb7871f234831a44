"""What tracked things do, as JSON lines: one for each event."""

import json

import numpy as np

from app.detections import Detections
from app.frame import Frame
from app.sinks.jsonl import JsonLinesSink


class EventsSink(JsonLinesSink):
    """One JSON object per event, one per line; `app/tracking/events.py` lists them. `-` is standard output."""

    option = "--events"

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        lines = [json.dumps(event.as_json()).encode() + b"\n" for event in frame.events or ()]
        self._write_line(b"".join(lines))  # also where there are none: the file of an earlier run is emptied at once
