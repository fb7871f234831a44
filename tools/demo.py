"""The demonstration: fetches a street clip, detects in it, and leaves an annotated video, a still and the report."""

import json
import os
import sys

import cv2

from app import detect
from app.errors import NanoyoloError, SourceError
from app.files import write_file
from tools.fetch import fetch

FOLDER = os.path.join("runs", "demo")
VIDEO, STILL, REPORT, LINES = (
    os.path.join(FOLDER, name) for name in ("demo.mp4", "demo.jpg", "report.json", "demo.jsonl")
)


def fullest_frame(lines: str) -> int:
    """Number of the frame whose detections are the most, and of those the surest."""
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
        raise SourceError(f"{video}: frame {number} cannot be read")
    write_file(path, cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())


def main() -> int:
    """Run the demonstration; its exit code."""
    try:
        os.makedirs(FOLDER, exist_ok=True)
        clip = fetch("bikes")
        code = detect.main(["--cam", clip, "--no-show", "--save", VIDEO, "--jsonl", LINES, "--report", REPORT])
        if code:
            return code
        save_still(VIDEO, fullest_frame(LINES), STILL)
    except NanoyoloError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {FOLDER}: {error.strerror}", file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        print("interrupted; start it again at any time", file=sys.stderr)
        return 130
    print(f"video   {VIDEO}\nstill   {STILL}\nreport  {REPORT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
