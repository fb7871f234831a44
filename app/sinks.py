"""Where frames go: the contract of a sink, JSON lines and the progress bar. See also `window.py`, `recording.py`."""

import json
import os
import sys
from typing import Any, Optional, Sequence

import numpy as np

from app.detections import Detections
from app.errors import OutputError
from app.files import check_writable
from app.frame import Frame


class Sink:
    """Takes every frame, in order. A context manager.

    wants_canvas: whether it shows the picture, so that somebody has to draw on it.
    """

    wants_canvas = True

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        """Take one frame: the frame, the picture with the overlay (h, w, 3) uint8 BGR, and what was found.

        Raises OutputError when it cannot be written.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Finish the output. Raises OutputError when it is not whole."""

    def __enter__(self) -> "Sink":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


class JsonLinesSink(Sink):
    """One JSON object per frame and line; `-` is standard output. A line is written whole or not at all."""

    wants_canvas = False

    def __init__(self, path: str, labels: Sequence[str]) -> None:
        """Raises OutputError when the file cannot be written."""
        if path != "-":
            check_writable(path)
        elif sys.stdout is None:
            raise OutputError("standard output is closed, so there can be no --jsonl -")
        self._path = path
        self._labels = labels
        self._file: Any = None
        self._size = 0
        self._start: Optional[float] = None

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        if self._start is None:
            self._start = frame.captured_at
        line = json.dumps(
            {
                "frame": frame.index,
                "t": round(frame.captured_at - self._start, 4),
                "size": [frame.image.shape[1], frame.image.shape[0]],
                "detections": [
                    {
                        "label": self._labels[label],
                        "class": label,
                        "score": round(score, 4),
                        "box": [round(side, 2) for side in box],
                    }
                    for box, score, label in zip(
                        detections.boxes.tolist(), detections.scores.tolist(), detections.classes.tolist()
                    )
                ],
            }
        )
        self._write_line(line.encode() + b"\n")

    def _write_line(self, line: bytes) -> None:
        try:
            if self._file is None:
                # Unbuffered: a line is in the file when write() returns, whatever becomes of this process.
                self._file = sys.stdout.buffer if self._path == "-" else open(self._path, "wb", buffering=0)  # noqa: SIM115
            written = self._file.write(line)
            if self._path == "-":
                self._file.flush()
            if written != len(line):
                raise OSError(28, "the disk is full")
            self._size += written
        except OSError as error:
            if self._file is not None and os.path.isfile(self._path):
                self._file.truncate(self._size)  # back to the last whole line
                if not self._size:
                    os.remove(self._path)
            raise OutputError("{}: cannot be written: {}".format(self._path, error.strerror)) from error

    def close(self) -> None:
        if self._file is not None and self._path != "-":
            self._file.close()


class ProgressSink(Sink):
    """A progress bar on standard error, for sources that end by themselves."""

    wants_canvas = False

    def __init__(self, frames: int) -> None:
        from tqdm import tqdm  # here, because a program without a terminal need not load it

        self._bar = tqdm(total=frames, unit=" frames", leave=False, dynamic_ncols=True)

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        self._bar.update()

    def close(self) -> None:
        self._bar.close()
