"""Fetch a street clip, detect objects in it, and write an annotated video, a still, the detections and the report."""

import json
import os
import sys

import cv2

from app import detect
from app.command import Parser, exit_code, print_lines
from app.config import read_settings
from app.errors import SourceError
from app.files import make_folder, write_file
from tools.fetch.manifest import fetch

FOLDER = os.path.join("runs", "demo")
VIDEO, STILL, REPORT, LINES = (
    os.path.join(FOLDER, name) for name in ("demo.mp4", "demo.jpg", "report.json", "demo.jsonl")
)


def fullest_frame(lines: str) -> int:
    """Number of the frame with the highest sum of scores, in a file of JSON lines."""
    with open(lines, encoding="utf-8") as file:
        frames = [json.loads(line) for line in file]
    best = max(frames, key=lambda frame: sum(found["score"] for found in frame["detections"]))
    return int(best["frame"])


def save_still(video: str, number: int, path: str) -> None:
    """Write one frame of a video as a JPEG."""
    capture = cv2.VideoCapture(video)
    capture.set(cv2.CAP_PROP_POS_FRAMES, number)
    good, image = capture.read()
    capture.release()
    if not good:
        raise SourceError(f"{video}: cannot read frame {number}")
    write_file(path, cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())


def demo() -> None:
    """Fetch, detect, and pick the still."""
    Parser(prog="python -m tools.demo", description=__doc__).parse_args()
    make_folder(FOLDER)
    outputs = ["--save", VIDEO, "--jsonl", LINES, "--report", REPORT]
    detect.detect(read_settings(["--cam", fetch("bikes"), "--no-show", *outputs]))
    if not (os.path.exists(VIDEO) and os.path.exists(LINES)):  # Ctrl-C came before the first frame
        raise KeyboardInterrupt
    save_still(VIDEO, fullest_frame(LINES), STILL)
    print_lines([f"video   {VIDEO}", f"still   {STILL}", f"report  {REPORT}"])


if __name__ == "__main__":
    sys.exit(exit_code(demo))
