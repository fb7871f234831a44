"""Detections as JSON lines."""

import json
import os
import sys
import time
from typing import Any, Dict

import numpy as np

from app.detections import Detections
from app.errors import OutputError
from app.files import check_writable
from app.frame import Frame
from app.lock import open_locked
from app.sinks import Sink


class JsonLinesSink(Sink):
    """One JSON object per frame, one per line; `-` is standard output. A line is written completely or not at all."""

    wants_canvas = False
    option = "--jsonl"

    def __init__(self, path: str, *, append: bool = False) -> None:
        """append: continue an existing file instead of replacing it. Raises OutputError when it cannot be written."""
        if path != "-":
            check_writable(path)
        elif sys.stdout is None:
            raise OutputError(f"{self.option} -: standard output is closed; name a file")
        self._path = path
        self.name = "standard output" if path == "-" else path
        self._append = append
        self._file: Any = None
        self.may_block = path == "-" or (os.path.exists(path) and not os.path.isfile(path))  # a pipe without a reader
        self._start = time.monotonic()

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        fields: Dict[str, Any] = {"frame": frame.index}
        if frame.camera:
            fields["camera"] = frame.camera
        if frame.name:
            fields["file"] = frame.name
        scale = frame.size[0] / frame.image.shape[1], frame.size[1] / frame.image.shape[0]
        fields.update(
            t=round(frame.time, 4),
            processed=round(time.monotonic() - self._start, 4),
            size=list(frame.size),
            detections=[
                {
                    "label": found.label,
                    "class": found.class_id,
                    "score": round(found.score, 4),
                    "box": [round(side * factor, 2) for side, factor in zip(found.box, scale * 2)],
                }
                for found in detections
            ],
        )
        if frame.predicted is not None:
            fields["predicted"] = frame.predicted
        if frame.events is not None:
            for found, track in zip(fields["detections"], detections.tracks.tolist()):
                found["track"] = track
        self._write_line(json.dumps(fields).encode() + b"\n")

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
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{self.name}: cannot write to it: {error.strerror}") from error

    def _open(self) -> Any:
        if self._path == "-":
            return sys.stdout.buffer
        pipe = os.path.exists(self._path) and not os.path.isfile(self._path)
        append = self._append and not pipe
        # Unbuffered: a line is in the file when write() returns, whatever happens to this process.
        file = open_locked(self._path, append=append)
        try:
            if append:
                file.truncate(_end_of_last_line(self._path))
        except OSError:
            file.close()
            raise
        return file

    def _take_back(self, written: int) -> None:
        """Remove an incomplete line, and the file if that was the only one."""
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
    """Bytes of a file up to its last complete line: a power cut may have left half of one."""
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
