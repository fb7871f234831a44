"""Reads files as the program does, one after the other, in a process of its own, which may crash or hang.

    python -m tools.soak.files.reading     # also under Python 3.6 with OpenCV 4.1.1

Takes a JSON line per file: {"uri": ..., "again": ..., "kind": "picture", "film" or "stream"}. Answers with two, each as
soon as it is known: what the program says of `uri`, and what OpenCV alone says of `again`, the same file.
"""

import io
import json
import os
import sys
import tempfile
import time
import traceback
from typing import Any, Dict

import cv2

from app.errors import SourceError
from app.sources import CameraOptions, open_source


def read_by_program(uri: str) -> Dict[str, Any]:
    """What `open_source` delivers, and what it tells.

    frames: how many came; of a stream also those that were dropped. error: the SourceError's message, or None. told:
    what was printed. backwards: whether a frame's time is before the last one's. seconds: what it took. bug: a
    traceback, or None.
    """
    stderr, told = sys.stderr, io.StringIO()
    result = {"frames": 0, "undecoded": 0, "error": None, "backwards": False, "bug": None}  # type: Dict[str, Any]
    sys.stderr = told
    began = time.monotonic()
    try:
        last = float("-inf")
        with open_source(uri, CameraOptions(retry=0)) as source:
            try:
                for frame in source:
                    if frame is not None:
                        result["backwards"] = result["backwards"] or frame.time < last
                        last = frame.time
            finally:
                result["frames"], result["undecoded"] = source.captured, source.undecoded
    except SourceError as error:
        result["error"] = str(error)
    except Exception:
        result["bug"] = traceback.format_exc()
    finally:
        sys.stderr = stderr
    result["seconds"] = time.monotonic() - began
    result["told"] = told.getvalue()
    if "Traceback" in result["told"]:  # of a thread
        result["bug"] = result["told"]
    return result


def read_by_opencv(uri: str, kind: str, printed: Any) -> Dict[str, Any]:
    """What OpenCV alone makes of it. frames: until the first failure. silent: whether it printed nothing."""
    printed.seek(0)
    printed.truncate()
    frames = 0
    try:
        if kind == "picture":
            frames = int(cv2.imread(uri, cv2.IMREAD_COLOR) is not None)
        else:
            capture = cv2.VideoCapture(uri, cv2.CAP_FFMPEG)
            while capture.read()[0]:
                frames += 1
            capture.release()
    except cv2.error:
        pass
    printed.seek(0)
    return {"frames": frames, "silent": not printed.read().strip()}


def main() -> None:
    """Answer until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w")  # OpenCV may print
    with tempfile.TemporaryFile(buffering=0) as printed:
        os.dup2(printed.fileno(), 2)
        os.dup2(2, 1)
        for line in sys.stdin:
            job = json.loads(line)
            answers.write(json.dumps(read_by_program(job["uri"])) + "\n")
            answers.flush()
            answers.write(json.dumps(read_by_opencv(job["again"], job["kind"], printed)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
