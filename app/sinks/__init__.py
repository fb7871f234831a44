"""Where frames go: the contract of a sink, JSON lines and the progress bar. See also `window.py`, `recording.py`."""

import json
import os
import sys
from typing import Any, Optional, Sequence

import numpy as np

from app.detections import Detections
from app.errors import OutputError, say
from app.files import check_writable
from app.frame import Frame

QUEUE = 8  # pictures that may wait for a disk that takes its time


class Sink:
    """Takes every frame, in order. A context manager.

    name: for people. wants_canvas: whether it shows the picture, so that somebody has to draw on it.
    waiting: how many frames may wait for it. A sink for which some may is written in a thread of its own, and skips
    frames when it is slow; one for which none may is quick, and gets every frame.
    keeps_all: whether it gets every frame of a file even so. may_block: whether a quick one may hang all the same.
    """

    name = "a sink"
    wants_canvas = True
    waiting = 0
    keeps_all = False
    may_block = False

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        """Take one frame: the frame, the picture with the overlay (h, w, 3) uint8 BGR, and what was found.

        Raises OutputError when it cannot be written.
        """
        raise NotImplementedError

    def idle(self, canvas: np.ndarray, outage: str) -> None:
        """Take a picture that is no frame: the last one, and on it the words that say why there is none."""

    def reopen(self) -> None:
        """Go on in a new file where the old one has been moved away, as logrotate does. Raises OutputError."""

    def close(self) -> None:
        """Finish the output. Closing twice is allowed. Raises OutputError when it is not whole."""

    def __enter__(self) -> "Sink":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


class JsonLinesSink(Sink):
    """One JSON object per frame and line; `-` is standard output. A line is written whole or not at all."""

    wants_canvas = False

    def __init__(self, path: str, labels: Sequence[str], append: bool = False) -> None:
        """append: whether to go on in a file that is there, not to replace it.

        Raises OutputError when the file cannot be written.
        """
        if path != "-":
            check_writable(path)
        elif sys.stdout is None:
            raise OutputError("standard output is closed, so there can be no --jsonl -")
        self.name = self._path = path
        self._labels = labels
        self._append = append
        self._file: Any = None
        self.may_block = path == "-" or (os.path.exists(path) and not os.path.isfile(path))  # a pipe nobody reads
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
                self._file = self._open()
            written = self._file.write(line)
            if self._path == "-":
                self._file.flush()
            if written != len(line):
                self._take_back(written or 0)
                raise OSError(28, "the disk is full")
        except OSError as error:
            raise OutputError("{}: cannot be written: {}".format(self._path, error.strerror)) from error

    def _open(self) -> Any:
        if self._path == "-":
            return sys.stdout.buffer
        pipe = os.path.exists(self._path) and not os.path.isfile(self._path)
        append = self._append and not pipe
        size = _end_of_last_line(self._path) if append and os.path.exists(self._path) else 0
        # Unbuffered: a line is in the file when write() returns, whatever becomes of this process.
        file = open(self._path, "ab" if append else "wb", buffering=0)  # noqa: SIM115
        if append:
            file.truncate(size)
        return file

    def _take_back(self, written: int) -> None:
        """Remove what was written of a line; and the file, if there is no other in it."""
        if os.path.isfile(self._path):
            size = os.fstat(self._file.fileno()).st_size - written
            self._file.truncate(size)
            if not size:
                os.remove(self._path)

    def reopen(self) -> None:
        self._append = self._append or self._file is not None
        self.close()

    def close(self) -> None:
        if self._file is not None and self._path != "-":
            self._file.close()
        self._file = None


def _end_of_last_line(path: str) -> int:
    """Bytes of a file up to its last whole line: what lost its power may have left a part of one."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0


class Announcement(Sink):
    """Says a line when the first frame has come, and so after all that could go wrong before it."""

    wants_canvas = False

    def __init__(self, line: str) -> None:
        self._line = line

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        if self._line:
            say(self._line)
            self._line = ""


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
