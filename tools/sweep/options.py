"""The command line of `tools.sweep`."""

import argparse
import re
from typing import Any

from app.arguments import LARGEST_SIZE
from app.backends import CLASSES, DEVICES, PRECISIONS
from app.command import Parser, number
from app.timing import WARM_UP_FRAMES

DESCRIPTION = """Measures the program at every combination of settings, on the same input, and says what each does.

Without options for the grid it is the one of the report that this project began with: captured at 320x240 and 640x480,
network size 160 and 320, 24 and 40 FPS. Measurements take turns, each in a process of its own. A sweep that is stopped
goes on with the same command. Afterwards: python -m tools.report DIR
"""

EXAMPLES = """examples:
  python -m tools.sweep --cam street.mp4
  python -m tools.sweep --images val/images --labels val/labels
  python -m tools.sweep --cam street.mp4 --sizes 160 320 416 --fps max --backends onnx openvino
  python -m tools.sweep --cam 0 --pacing delay deadline
"""

FRAMES = 120  # of a measurement; of a folder, whole turns of at least so many


def make_parser() -> Parser:
    """The command line of `tools.sweep`."""
    parser = Parser(prog="python -m tools.sweep", description=DESCRIPTION, epilog=EXAMPLES)
    count = number(int, 1, 100000, "a number")
    source = parser.add_argument_group("input")
    source.add_argument("--cam", metavar="SOURCE", help="as for app.detect: a video, a folder of images, a camera")
    source.add_argument("--images", metavar="DIR", help="a folder of images, instead of --cam")
    source.add_argument("--labels", metavar="DIR", help="their labels: a folder of YOLO files, or a COCO file")
    grid = parser.add_argument_group("grid")
    grid.add_argument(
        "--captures", type=_resolution, nargs="+", default=[(320, 240), (640, 480)], metavar="WxH",
        help="capture resolutions, or own: larger pictures are made smaller (default: 320x240 640x480)",
    )  # fmt: skip
    size = number(int, 1, LARGEST_SIZE, "a size")
    grid.add_argument("--sizes", type=size, nargs="+", default=[160, 320], metavar="N", help="(default: 160 320)")
    grid.add_argument(
        "--fps", type=_rate, nargs="+", default=[24.0, 40.0], metavar="RATE", help="or max (default: 24 40)"
    )
    grid.add_argument(
        "--backends", type=_backend, nargs="+", default=["auto"], metavar="NAME",
        help="with a precision if need be, as openvino:bf16 (default: auto)",
    )  # fmt: skip
    grid.add_argument(
        "--pacing", nargs="+", choices=("deadline", "delay"), default=["deadline"],
        help="what keeps the rate; delay is a fixed one after each frame's work (default: deadline)",
    )  # fmt: skip
    measuring = parser.add_argument_group("measuring")
    measuring.add_argument("--rounds", type=count, default=5, help="(default: %(default)s)")
    frames = number(int, WARM_UP_FRAMES + 2, 100000, "a number")  # two, after the warm-up, make a rate
    measuring.add_argument("--frames", type=frames, default=FRAMES, help="of one measurement (default: %(default)s)")
    measuring.add_argument("--model", default="yolov3-tiny", metavar="NAME", help="(default: %(default)s)")
    measuring.add_argument("--device", choices=DEVICES, default="auto", help="(default: %(default)s)")
    measuring.add_argument("--square", action="store_true", help="pad the network's input to a square")
    measuring.add_argument(
        "--conf", type=number(float, 0, 1, "a threshold"), default=0.25, metavar="SCORE", help="(default: %(default)s)"
    )
    measuring.add_argument("--run", default="runs/sweep", metavar="DIR", help="where it is kept (default: %(default)s)")
    return parser


def _resolution(text: str) -> Any:
    match = re.match(r"([1-9][0-9]{1,3})x([1-9][0-9]{1,3})$", text)
    if not match and text != "own":
        raise argparse.ArgumentTypeError("a resolution should be as 640x480, or own; is {}".format(text))
    return (int(match.group(1)), int(match.group(2))) if match else None


def _rate(text: str) -> Any:
    return None if text == "max" else number(float, 0.1, 1000, "a rate")(text)


def _backend(text: str) -> str:
    name, colon, precision = text.partition(":")
    if name not in ("auto", *CLASSES) or (colon and precision not in PRECISIONS):
        raise argparse.ArgumentTypeError(
            "{}: there are auto, {}; as onnx or openvino:bf16".format(text, ", ".join(CLASSES))
        )
    return text
