"""Says what to expect of a network on a Jetson Nano, before one has it: operations, bytes, and the least time for them.

Nothing is run or timed. Counts come from the ONNX file, the least time (floor) from the board's published peaks, and
the expected time from published speeds of YOLOv3-tiny; the model's errors on other published speeds stand below.
"""

import argparse
import json
import sys
import textwrap
from typing import Any, Optional, Sequence

from app import __version__
from app.arguments import LARGEST_SIZE
from app.command import Parser, exit_code, number
from app.files import check_writable, write_file
from app.modelcard import find_model
from tools.cost.nano import BANDWIDTH, FP16, PEAKS, errors, expectations, fitted, layer_floor, networks
from tools.cost.published import ASSUMPTIONS, USES

EXAMPLES = """examples:
  python -m tools.cost
  python -m tools.cost yolov3-tiny --sizes 160 320 416 --square --report cost.json
  python -m tools.cost yolov3-tiny --frame 1280x720 --layers 416
"""
MODELS = ("yolov3-tiny", "nano_resnet_s")
SIZES = (160, 320, 416)
WIDTH = 120  # columns

Json = dict[str, Any]


def cost(args: argparse.Namespace) -> Json:
    """What the command line asks for, ready for JSON."""
    paths = {name: find_model(name) for name in args.models or MODELS}
    line = fitted()
    result: Json = {
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


def layer_rows(path: str, size: int, square: bool, frame: tuple[int, int]) -> list[Json]:
    """A row per layer of a network at one size, on the GPU in FP16."""
    ((_, network),) = networks(path, [size], square, frame)
    rows = []
    for layer in network.layers:
        least, by_operations = layer_floor(layer)
        rows.append(
            {
                "layer": layer.name,
                "operator": layer.operator,
                "output": list(layer.output),
                "operations_g": round(layer.operations / 1e9, 5),
                "moved_mb": round(layer.moved(FP16) / 1e6, 4),
                "floor_ms": round(least, 4),
                "bound": "operations" if by_operations else "bytes",
            }
        )
    return rows


def model_lines(name: str, rows: Sequence[Json]) -> list[str]:
    """The rows of one network, for people."""
    lines = [
        f"{name}, {rows[0]['weights'] / 1e6:.2f} million weights; GPU in FP16, CPU in FP32",
        f"{'operations':>28} {'moved':>8} {'floor':>9} {'of it bound by':>15} {'floor':>9} {'floor':>9} "
        f"{'network':>9} {'expected':>9} {'expected':>9}",
        f"  {'size':>4} {'input':>9} {'billions':>11} {'MB':>8} {'ms':>9} {'operations':>15} {'ms at 5 W':>9} "
        f"{'ms on CPU':>9} {'ms':>9} {'ms':>9} {'FPS':>9}",
    ]
    for row in rows:
        height, width = row["input"]
        star = "*" if row["extrapolated"] else ""
        frame = (
            ("-", "-")
            if row["expected_ms"] is None
            else (f"{row['expected_ms']:.1f}{star}", f"{row['expected_fps']:.1f}{star}")
        )
        network = f"{row['network_ms']:.2f}{star}"
        lines.append(
            f"  {row['size']:>4} {f'{width}x{height}':>9} {row['operations_g']:>11.3f} {row['moved_mb']:>8.1f} "
            f"{row['floor_ms']:>9.2f} {row['bound']['operations']:>15.0%} {row['floor_5w_ms']:>9.2f} "
            f"{row['floor_cpu_ms']:>9.2f} {network:>9} {frame[0]:>9} {frame[1]:>9}"
        )
    if any(row["extrapolated"] for row in rows):
        lines.append("  * outside of the range of the published speeds")
    return lines


def layer_lines(name: str, rows: Sequence[Json]) -> list[str]:
    """The layers of one network, for people."""
    lines = [
        f"layers of {name}",
        f"  {'':<28} {'':<18} {'':<14} {'operations':>10} {'moved':>8} {'floor':>8}",
        f"  {'layer':<28} {'operator':<18} {'output':<14} {'billions':>10} {'MB':>8} {'ms':>8}  bound by",
    ]
    for row in rows:
        output = "x".join(str(length) for length in row["output"][1:])
        lines.append(
            f"  {row['layer']:<28} {row['operator']:<18} {output:<14} {row['operations_g']:>10.4f} "
            f"{row['moved_mb']:>8.3f} {row['floor_ms']:>8.3f}  {row['bound']}"
        )
    return lines


def published_lines(rows: Sequence[Json], fit: Json) -> list[str]:
    """The published points beside the model, for people."""
    lines = [
        f"published speeds beside the model: {fit['overhead_ms']} ms + floor / {fit['efficiency']}",
        f"  {'':<21} {'':<13} {'published':>15} {'floor':>7} {'of the':>6} {'model':>14} {'':>7} {'left':>7}",
        f"  {'':<21} {'':<13} {'FPS':>7} {'ms':>7} {'ms':>7} {'peak':>6} {'FPS':>6} {'ms':>7} {'error':>7} {'out':>7}",
    ]
    use = ""
    for row in rows:
        if row["use"] != use:
            use = row["use"]
            lines.append(f"  {USES[use]}:")
        model = (
            f"{'-':>6} {'-':>7} {'-':>7}"
            if row["model_ms"] is None
            else f"{row['model_fps']:>6.1f} {row['model_ms']:>7.1f} {row['error_percent']:>+6.1f}%"
        )
        left_out = "-" if row["left_out_percent"] is None else f"{row['left_out_percent']:+.1f}%"
        lines.append(
            f"  {row['point']:<21} {row['runtime']:<13} {row['published_fps']:>7.2f} {row['published_ms']:>7.1f} "
            f"{row['floor_ms']:>7.1f} {row['of_peak']:>6.0%} {model} {left_out:>7}"
        )
        if row["note"]:
            lines += _wrapped(row["note"], "      ")
    sources = dict.fromkeys(row["source"] for row in rows)
    return lines + _wrapped(
        "error: of the model's time. left out: of the time by a line through the other three of the four small "
        f"networks in that loop. Sources: {'; '.join(sources)}.",
        "  ",
    )


def _wrapped(text: str, indent: str, first: Optional[str] = None) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent if first is None else first, subsequent_indent=indent, break_on_hyphens=False
    )


def _frame(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and 0 < int(width) <= 16384 and 0 < int(height) <= 16384):
        raise argparse.ArgumentTypeError(f"a frame should be WIDTHxHEIGHT in pixels, is {text}")
    return int(width), int(height)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.cost", description=__doc__, epilog=EXAMPLES)
    size = number(int, 1, LARGEST_SIZE, "a size")
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"name in weights/, or a file (default: {' and '.join(MODELS)})"
    )
    parser.add_argument("--sizes", type=size, nargs="+", default=SIZES, metavar="N", help="(default: 160 320 416)")
    parser.add_argument("--square", action="store_true", help="pad to a square, as Darknet does")
    parser.add_argument("--frame", type=_frame, default=(640, 480), metavar="WxH", help="(default: 640x480)")
    parser.add_argument("--layers", type=size, metavar="N", help="also say the layers at this size")
    parser.add_argument("--report", metavar="FILE", help="write the figures as JSON")

    def work() -> None:
        args = parser.parse_args(argv)
        if args.report is not None:
            check_writable(args.report)
        result = cost(args)
        blocks = [model_lines(name, rows) for name, rows in result["models"].items()]
        blocks += [layer_lines(name, rows) for name, rows in result.get("layers", {}).items()]
        blocks.append(published_lines(result["published"], result["fit"]))
        lines = [line for sentence in ASSUMPTIONS for line in _wrapped(sentence, "    ", "  - ")]
        blocks.append(["assumptions", *lines])
        print("\n\n".join("\n".join(block) for block in blocks))
        if args.report is not None:
            write_file(args.report, (json.dumps(result, indent=2) + "\n").encode())

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
