"""The command line of `tools.sweep`."""

import argparse
from typing import Any

from app.arguments import LARGEST_SIZE
from app.backends import CLASSES, DEVICES, PRECISIONS
from app.command import Parser, number, size
from app.timing import WARM_UP_FRAMES
from tools.score.pictures import HELP

DESCRIPTION = """Measure the program at every combination of settings on the same input, and compare them.

The default grid is the original report's: captured at 320x240 and 640x480, network size 160
and 320, 24 and 40 FPS. Each measurement runs in its own process. To continue a sweep that was stopped, type the same
command again. Then make a page of it: python -m tools.report DIR
"""

EXAMPLES = """examples:
  python -m tools.sweep --cam street.mp4
  python -m tools.sweep --images val/images --labels val/labels
  python -m tools.sweep --cam street.mp4 --sizes 160 320 416 --fps max --backends onnx openvino
  python -m tools.sweep --cam 0 --pacing delay deadline
"""

SIZES = (160, 320)  # of the original report
FRAMES = 120  # of a measurement; for a folder, rounded up to complete passes through it


# fmt: off
def make_parser() -> Parser:
    """The command line of `tools.sweep`."""
    parser = Parser(prog="python -m tools.sweep", description=DESCRIPTION, epilog=EXAMPLES)
    source = parser.add_argument_group("input").add_argument
    source("--cam", metavar="SOURCE", help="as for app.detect: a video, folder of images or camera")
    source("--images", metavar="DIR", help="folder of images, instead of --cam")
    source("--labels", metavar="DIR", help="their labels: a folder of YOLO files, or a COCO file")
    source("--polygons", action="store_true", help="take the bounding boxes of polygons in YOLO labels")
    source("--skip-damaged", action="store_true", help=HELP)

    grid = parser.add_argument_group("grid").add_argument
    several: Any = {"nargs": "+"}
    grid("--captures", **several, type=_resolution, default=[(320, 240), (640, 480)], metavar="WxH",
         help="capture resolutions; larger frames are shrunk, own keeps them (default: 320x240 640x480)")
    grid("--sizes", **several, type=number(int, 1, LARGEST_SIZE, "a size"), metavar="N",
         help="longer side of the network's input (default: the model's own, or 160 320)")
    grid("--fps", **several, type=_rate, default=[24.0, 40.0], metavar="RATE",
         help="configured rates, or max for as fast as possible (default: 24 40)")
    grid("--backends", **several, type=_backend, default=["auto"], metavar="NAME",
         help="backends, also with a precision, as openvino:bf16 (default: auto)")
    grid("--pacing", **several, choices=("deadline", "delay"), default=["deadline"],
         help="what keeps the rate: deadlines, or a fixed delay after each frame's work (default: deadline)")

    measuring = parser.add_argument_group("measuring").add_argument
    frames = number(int, WARM_UP_FRAMES + 2, 100000, "a number")  # two, after the warm-up, make a rate
    measuring("--rounds", type=number(int, 1, 100000, "a number"), default=5, metavar="N",
              help="measurements of each combination (default: %(default)s)")
    measuring("--frames", type=frames, default=FRAMES, metavar="N",
              help="frames of one measurement (default: %(default)s)")
    measuring("--model", default="yolov3-tiny", metavar="NAME", help="name or path of a model (default: %(default)s)")
    measuring("--device", choices=DEVICES, default="auto", help="what the backends run on (default: %(default)s)")
    measuring("--square", action="store_true", help="pad the network's input to a square")
    measuring("--conf", type=number(float, 0, 1, "a confidence"), default=0.25, metavar="SCORE",
              help="minimum confidence of what is shown (default: %(default)s)")
    measuring("--run", default="runs/sweep", metavar="DIR", help="folder of the sweep (default: %(default)s)")
    return parser
# fmt: on


def _resolution(text: str) -> Any:
    return None if text == "own" else size("a resolution other than own", (10, 10), 9999)(text)


def _rate(text: str) -> Any:
    return None if text == "max" else number(float, 0.1, 1000, "a rate")(text)


def _backend(text: str) -> str:
    name, colon, precision = text.partition(":")
    if name not in ("auto", *CLASSES) or (colon and precision not in PRECISIONS):
        raise argparse.ArgumentTypeError(
            f"{text}: not a backend; choose from auto, {', '.join(CLASSES)}, also with a precision as openvino:bf16"
        )
    return text
