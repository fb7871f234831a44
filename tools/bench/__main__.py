"""Measure the speed of the detection loop and of the backends on this machine.

With --cam, the loop is measured on that video beside two references with the same input shape and number of threads:

  bare    an ONNX Runtime session alone, fed one tensor again and again: the upper limit for any loop
  naive   the obvious sequential loop of OpenCV and ONNX Runtime

and once more with a recording. Or, with --cam and one of
  --backends the loop on each backend and each backend alone, beside bare and naive
  --overlap  the loop with overlay and recording, on a fake network that waits without using the CPU, like a GPU's
  --pacing   a rate kept by deadlines, beside one set by a delay after each frame

With --backends but no --cam, the network alone, on square input, in every installed backend and in Keras's predict().

Rivals take turns within each round, so that a drift of the machine's speed favours none. Figures are medians over the
rounds, with minimum and maximum; ratios are taken within a round. Warm-up (loading the model and its first inference)
is reported separately. A machine that is hot, busy or below its full clock causes a warning.
"""

import argparse
import json
import sys
from typing import Callable, Optional, Sequence, Tuple

from app import __version__
from app.arguments import LARGEST_SIZE
from app.backends import physical_cores
from app.board import Board
from app.command import Parser, exit_code, number, print_lines
from app.detector import nearest_sizes
from app.errors import SourceError, UsageError, warn
from app.files import check_writable, reject_overwrites, write_file
from app.modelcard import find_model, read_card
from app.sources import open_source
from tools.bench.comparison import KIND, changes, differences, read_report, unmatched
from tools.bench.loops import compare_backends, compare_loops, compare_overlap, compare_pacing
from tools.bench.networks import BACKENDS, KERAS, compare_networks
from tools.bench.results import change_lines, machine_line, overlap_lines, pacing_lines, rate_lines
from tools.bench.turns import Setting
from tools.json_file import Json
from tools.machine import machine

EXAMPLES = """examples:
  python -m tools.bench --cam street.mp4
  python -m tools.bench --cam street.mp4 --sizes 160 --rounds 9 --report bench.json
  python -m tools.bench --cam street.mp4 --sizes 160 --rounds 9 --compare bench.json
  python -m tools.bench --cam street.mp4 --backends onnx openvino:bf16
  python -m tools.bench --backends
"""

# The options that select a measurement, the function that measures at one size, and the one that prints its figures.
Way = Tuple[str, Callable[[Setting], Json], Callable[[int, Json], str]]


def bench(args: argparse.Namespace, saved: Optional[Json]) -> Json:
    """Run the benchmark that the options select, and return its report. saved: the one to compare with, or None."""
    way, compare, lines = choose(args)
    if saved is not None and saved.get("way", way) != way:
        raise UsageError(f"--compare {args.compare}: was measured with {saved['way']}, not {way}")
    warnings = Board().complaints()  # before this program keeps the machine busy
    model = find_model(args.model)
    card = read_card(model)  # refuses a model that does not match its card
    for size in args.sizes:
        if size % card.multiple:
            raise UsageError(f"--sizes: {size} is not {nearest_sizes(size, card.multiple)}")
    frame = (0, 0) if args.cam is None else frame_size(args.cam)
    for complaint in warnings:
        warn(complaint)
    threads = args.threads or physical_cores()
    report: Json = {
        "kind": KIND,
        "version": __version__,
        "way": way,
        "source": args.cam,
        "model": {"name": card.name, "sha256": card.sha256},
        "threads": threads,
        "rounds": args.rounds,
        "seconds": args.seconds,
        "machine": machine(),
        "warnings": warnings,
        "sizes": {},
    }
    print_lines([machine_line(report["machine"])])
    for size in args.sizes:
        setting = Setting(model, size, args.rounds, args.seconds, threads, args.cam or "", frame, args.backends or ())
        figures = compare(setting)
        print_lines([lines(size, figures)])
        report["sizes"][str(size)] = figures
    return report


def choose(args: argparse.Namespace) -> Way:
    """The measurement that the options select. Raises UsageError if they contradict each other."""
    if args.cam is None and args.backends is None:
        raise UsageError("choose what to measure: --cam FILE, --backends, or both; see --help")
    if (args.overlap or args.pacing) and (args.cam is None or args.backends is not None):
        raise UsageError("--overlap and --pacing need a video, --cam FILE, and no --backends")
    if args.backends is not None and args.threads:
        raise UsageError("--threads is for --cam without --backends: each backend has its own")
    if args.cam is not None and KERAS in (args.backends or ()):
        raise UsageError("--backends keras: only without --cam, since no loop runs on it")
    if args.cam is None:
        return "--backends", compare_networks, rate_lines
    if args.overlap:
        return "--cam --overlap", compare_overlap, overlap_lines
    if args.pacing:
        return "--cam --pacing", compare_pacing, pacing_lines
    if args.backends is not None:
        return "--cam --backends", compare_backends, rate_lines
    return "--cam", compare_loops, rate_lines


def frame_size(uri: str) -> Tuple[int, int]:
    """Height and width of a video's frames."""
    with open_source(uri) as source:
        first = next((frame for frame in source if frame is not None), None)
        if first is None or source.fps is None or len(source.files) != 1:
            raise SourceError(f"{uri}: should be a video file")
    height, width = first.image.shape[:2]
    return height, width


def compare_with(saved: Json, report: Json, path: str) -> None:
    """Print what changed since a saved report, and warn of differences that make the two hard to compare."""
    for difference in differences(saved, report):
        warn(f"differs from {path}: {difference}")
    for complaint in saved.get("warnings", []):
        warn(f"when {path} was measured: {complaint}")
    print_lines([f"since {path}:", change_lines(changes(saved, report), unmatched(saved, report))])


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.bench", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    positive = number(int, 1, 1000, "a number")
    seconds = number(float, 0.01, 600, "a time")
    size, sizes = number(int, 1, LARGEST_SIZE, "a size"), [160, 320, 416]
    add("--cam", metavar="FILE", help="a video file to measure the loop on (default: no loop)")
    add(
        "--backends",
        nargs="*",
        choices=(*BACKENDS, KERAS),
        metavar="NAME",
        help="measure these backends, as openvino or openvino:bf16, without a name all that are installed",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--overlap", action="store_true", help="with --cam: the loop's share of a GPU's rate")
    way.add_argument("--pacing", action="store_true", help="with --cam: rates kept by delay and by deadlines")
    add(
        "--model",
        default="yolov3-tiny",
        metavar="NAME",
        help="name in weights/, or an .onnx file (default: %(default)s)",
    )
    add("--sizes", type=size, nargs="+", default=sizes, metavar="N", help="network input sizes (default: 160 320 416)")
    add("--rounds", type=positive, default=7, metavar="N", help="turns of each rival (default: %(default)s)")
    add("--seconds", type=seconds, default=3, metavar="S", help="length of one turn (default: %(default)s)")
    add("--threads", type=positive, metavar="N", help="threads of ONNX Runtime (default: one per physical core)")
    add("--report", metavar="FILE", help="write the figures as JSON (default: print them only)")
    add("--compare", metavar="FILE", help="print what got slower since this earlier --report")

    def work() -> None:
        args = parser.parse_args(argv)
        if args.report is not None:
            reject_overwrites([("--report", args.report)], filter(None, (args.cam, args.compare)))
            check_writable(args.report)
        saved = None if args.compare is None else read_report(args.compare)
        report = bench(args, saved)
        if args.report is not None:
            write_file(args.report, (json.dumps(report, indent=2) + "\n").encode())
        if saved is not None:
            compare_with(saved, report, args.compare)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
