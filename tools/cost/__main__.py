"""Estimate a network's speed on a Jetson Nano: its operations, its bytes, and the minimum and expected time.

Nothing is run or timed. Operations and bytes come from the ONNX file, the minimum time (floor) from the board's
published peaks, and the expected time from published speeds of YOLOv3-tiny. The model's errors on other published
speeds are printed too.
"""

import argparse
import json
import sys
from typing import Any, Optional, Sequence

from app import __version__
from app.arguments import LARGEST_SIZE
from app.command import Parser, exit_code, number, print_lines, size
from app.files import check_writable, reject_overwrites, write_file
from app.modelcard import find_model
from tools.cost.nano import BANDWIDTH, PEAKS, errors, expectations, fitted, layer_rows
from tools.cost.published import ASSUMPTIONS
from tools.cost.results import lines

EXAMPLES = """examples:
  python -m tools.cost
  python -m tools.cost yolov3-tiny --sizes 160 320 416 --square --report cost.json
  python -m tools.cost yolov3-tiny --frame 1280x720 --layers 416
"""
MODELS = ("yolov3-tiny", "nano_resnet_s")


def cost(args: argparse.Namespace) -> dict[str, Any]:
    """The report."""
    paths = {name: find_model(name) for name in args.models or MODELS}
    line = fitted()
    result: dict[str, Any] = {
        "kind": "cost",
        "version": __version__,
        "frame": list(args.frame),
        "square": args.square,
        "models": {name: expectations(path, args.sizes, args.square, args.frame) for name, path in paths.items()},
        "peaks_gflops": {unit: round(peak, 1) for unit, peak in PEAKS.items()},
        "bandwidth_gb_s": BANDWIDTH,
        "fit": {"overhead_ms": round(line.overhead, 2), "efficiency": round(line.efficiency, 3)},
        "published": errors(),
        "assumptions": list(ASSUMPTIONS),
    }
    if args.layers is not None:
        result["layers"] = {
            name: layer_rows(path, args.layers, args.square, args.frame) for name, path in paths.items()
        }
    return result


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.cost", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    side, frame = number(int, 1, LARGEST_SIZE, "a size"), size("a frame", (1, 1), 16384)
    add(
        "models",
        nargs="*",
        metavar="MODEL",
        help=f"names in weights/, or .onnx files (default: {' and '.join(MODELS)})",
    )
    add("--sizes", type=side, nargs="+", metavar="N", help="network input sizes (default: the model's, or 160 320 416)")
    add("--square", action="store_true", help="pad to a square, as Darknet does (default: rectangular)")
    add("--frame", type=frame, default=(640, 480), metavar="WxH", help="size of the camera's frames (default: 640x480)")
    add("--layers", type=side, metavar="N", help="also list the layers at this size (default: do not)")
    add("--report", metavar="FILE", help="write the figures as JSON (default: print them only)")

    def work() -> None:
        args = parser.parse_args(argv)
        if args.report is not None:
            reject_overwrites([("--report", args.report)], [find_model(name) for name in args.models or MODELS])
            check_writable(args.report)
        result = cost(args)
        if args.report is not None:
            write_file(args.report, (json.dumps(result, indent=2) + "\n").encode())
        print_lines([lines(result)])

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
