"""Checks that this version detects in street.jpg what expected.json lists, by running the real command.

The picture is placed on a grey canvas of the shape's proportions, so that the network's input has exactly this shape,
and the engine for it is used. The test passes when:

- every expected box with a score of 0.30 or more is detected, and every detected box is expected;
- labels are equal, boxes have an IoU of at least 0.9, and scores differ by at most 0.05.

Why these tolerances: expected.json was recorded in FP32 on a PC, and a board computes in FP16, with an 11-bit mantissa.
On a PC, FP16 changed scores by at most 0.002 and left an IoU of at least 0.998 (ONNX Runtime, all shapes); BF16, with 8
bits, 0.023 and 0.985 (OpenVINO). TensorRT computes in other ways, and other releases of OpenCV decode and resample
differently, so the tolerances are twice those of BF16. Swapped colours, shifted labels, wrong anchors or strides exceed
them. A box with a score from 0.25, the default minimum, to 0.30 may be on either side of the minimum.

expected.json is of YOLOv3-tiny. Of another model (--model) only whether it runs with this shape is checked.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))  # of the version
PICTURE = os.path.join(HERE, "street.jpg")
EXPECTED = os.path.join(HERE, "expected.json")

GREY = 128  # as app/letterbox.py has it
MIN_SCORE = 0.25  # the default of app.detect
SCORE_TOLERANCE = 0.05
MIN_IOU = 0.9
TIME_LIMIT = 600.0  # seconds; a Nano's CPU takes some 20, most of it to load

EXAMPLES = """examples:
  python deploy/jetson/self-test/self_test.py 416x320
  python deploy/jetson/self-test/self_test.py 416x320 --backend tensorrt
  python deploy/jetson/self-test/self_test.py 448x256 --record
  python deploy/jetson/self-test/self_test.py 416x416 --model yolox-nano
"""

Box = List[float]
Found = Dict[str, Any]  # label, score, box: as in a JSON line of app.detect


class Failed(Exception):
    """The self-test did not pass; the reason, in one line."""


def on_canvas(image: np.ndarray, width: int, height: int) -> Tuple[np.ndarray, int, int]:
    """The image in the middle of a grey canvas of the proportions width:height, and its left and top on it."""
    rows, columns = image.shape[:2]
    scale = max(columns / float(width), rows / float(height))
    sides = [max(columns, int(np.ceil(width * scale))), max(rows, int(np.ceil(height * scale)))]
    # The shorter side is rounded down; otherwise it could be a row too long for the network's input.
    short = 1 if width >= height else 0
    sides[short] = max((columns, rows)[short], sides[1 - short] * (width, height)[short] // (width, height)[1 - short])
    canvas = np.full((sides[1], sides[0], 3), GREY, np.uint8)
    left, top = (sides[0] - columns) // 2, (sides[1] - rows) // 2
    canvas[top : top + rows, left : left + columns] = image
    return canvas, left, top


def detect(width: int, height: int, options: Sequence[str]) -> List[Found]:
    """The detections of `python -m app.detect`, in pixels of street.jpg. Raises Failed where the command fails."""
    image = cv2.imread(PICTURE)
    if image is None:
        raise Failed("{} cannot be read".format(PICTURE))
    canvas, left, top = on_canvas(image, width, height)
    with tempfile.TemporaryDirectory(prefix="nanoyolo-self-test.") as folder:
        picture, report = os.path.join(folder, "street.png"), os.path.join(folder, "report.json")
        cv2.imwrite(picture, canvas)
        command = [sys.executable, "-m", "app.detect", "--cam", picture, "--size", str(max(width, height))]
        command += ["--jsonl", "-", "--report", report, "--no-show", "--offline", "--max-frames", "1"]
        lines = _run(command + list(options))
        try:
            with open(report, encoding="utf-8") as file:
                fields = json.load(file)
            size, found = tuple(fields["input"]), json.loads(lines[-1])["detections"]
        except (IndexError, KeyError, TypeError, ValueError, OSError) as error:
            raise Failed("the result of app.detect cannot be read: {!r}".format(error))
    if size != (height, width):
        raise Failed("the network's input was {1}x{0}, should be {2}x{3}".format(*size, width, height))
    print("found {} on {}".format(_several(found), fields["backend"]), flush=True)
    for one in found:
        one["box"] = [side - (left, top)[axis % 2] for axis, side in enumerate(one["box"])]
    result: List[Found] = found
    return result


def _run(command: Sequence[str]) -> List[str]:
    """The lines of the command's standard output. systemd is not notified."""
    env = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True
    )
    try:
        out, err = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failed("app.detect did not end within {:g} s".format(TIME_LIMIT))
    if process.returncode != 0:
        last = (err.strip().splitlines() or ["nothing"])[-1]
        raise Failed("app.detect ended with code {}: {}".format(process.returncode, last))
    return out.splitlines()


def compare(found: Sequence[Found], expected: Sequence[Found]) -> None:
    """Raise Failed, with the first difference, unless the detections match the expected ones."""
    left = list(found)
    for wanted in sorted(expected, key=lambda one: -float(one["score"])):
        same = [one for one in left if one["label"] == wanted["label"]]
        nearest = max(same, key=lambda one: iou(one["box"], wanted["box"])) if same else None
        overlap = iou(nearest["box"], wanted["box"]) if nearest else 0.0
        if nearest is None or overlap < MIN_IOU:
            if wanted["score"] >= MIN_SCORE + SCORE_TOLERANCE:
                near = "; the nearest has an IoU of {:.2f}".format(overlap) if nearest else ""
                raise Failed("{} is missing{}".format(_say(wanted), near))
            continue
        if abs(nearest["score"] - wanted["score"]) > SCORE_TOLERANCE:
            raise Failed("{} scores {:.2f}".format(_say(wanted), nearest["score"]))
        left.remove(nearest)
    if left:
        raise Failed("{} is not expected".format(_say(left[0])))


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes x1 y1 x2 y2."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _say(one: Found) -> str:
    return "{} {:.2f} at {}".format(one["label"], one["score"], [int(round(side)) for side in one["box"]])


def _several(found: Sequence[Found]) -> str:
    return ", ".join("{} {:.2f}".format(one["label"], one["score"]) for one in found) or "nothing"


def read_expected() -> Dict[str, List[Found]]:
    """The expected detections, by shape."""
    try:
        with open(EXPECTED, encoding="utf-8") as file:
            shapes: Dict[str, List[Found]] = json.load(file)["shapes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failed("{}: cannot be read: {}".format(EXPECTED, error))
    return shapes


def record(shape: str, found: Sequence[Found]) -> None:
    """Add detections to expected.json. Raises Failed when there are too few for a test."""
    if sum(one["score"] >= MIN_SCORE + SCORE_TOLERANCE for one in found) < 2:
        raise Failed("at {} fewer than two boxes are detected, too few for a test".format(shape))
    shapes = read_expected() if os.path.exists(EXPECTED) else {}
    shapes[shape] = [
        {"label": one["label"], "score": round(one["score"], 3), "box": [round(side, 1) for side in one["box"]]}
        for one in found
    ]
    rows = []
    for name in sorted(shapes, key=lambda name: [int(side) for side in name.split("x")]):
        boxes = ",\n      ".join(json.dumps(one) for one in shapes[name])
        rows.append('    "{}": [\n      {}\n    ]'.format(name, boxes))
    with open(EXPECTED, "w", encoding="utf-8") as file:
        file.write('{{\n  "image": "street.jpg",\n  "shapes": {{\n{}\n  }}\n}}\n'.format(",\n".join(rows)))


def _shape(text: str) -> str:
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdigit() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError("a shape should be WIDTHxHEIGHT, as 416x320, is " + text)
    return text


def run(args: argparse.Namespace) -> None:
    """Run the self-test that the command line describes."""
    width, height = (int(side) for side in args.shape.split("x"))
    if args.record:
        least = ["--conf", str(MIN_SCORE - SCORE_TOLERANCE)]
        record(args.shape, detect(width, height, ["--backend", "onnx", "--device", "cpu"] + least))
        print("recorded; commit {}".format(EXPECTED))
        return
    if args.model is not None:
        if not args.known:
            detect(width, height, ["--backend", args.backend, "--model", args.model])
            print("{} runs at {}".format(args.model, args.shape))
        return
    shapes = read_expected()
    if args.shape not in shapes:
        raise Failed(
            "nothing is recorded for {0}; on the developer's machine: python deploy/jetson/self-test/self_test.py {0} "
            "--record, and commit it; recorded are {1}".format(args.shape, ", ".join(shapes))
        )
    if not args.known:
        compare(detect(width, height, ["--backend", args.backend]), shapes[args.shape])
        print("self-test passed at {}".format(args.shape))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shape", type=_shape, metavar="SHAPE", help="the network's input, WIDTHxHEIGHT")
    parser.add_argument("--backend", default="auto", help="as in app.detect (default: %(default)s)")
    parser.add_argument("--model", metavar="NAME", help="only check that this model runs (default: YOLOv3-tiny's test)")
    parser.add_argument("--record", action="store_true", help="write the detections to expected.json; check them first")
    parser.add_argument("--known", action="store_true", help="only check whether this shape is recorded")
    try:
        run(parser.parse_args(argv))
    except Failed as failure:
        print("self-test failed: {}".format(failure), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
