"""Measures speed. With `--cam`, the loop against the two things it should be measured against, on the same video:

  bare    the ONNX Runtime session alone, fed one tensor again and again: what no loop can beat
  naive   a plain sequential loop of OpenCV and ONNX Runtime: what one would write first

and the loop once more with a recording. All decode, infer at the same input shape and with as many threads. With
`--cam` and
  --backends the loop on each backend, and each backend alone, beside bare and naive
  --overlap  the loop with overlay and recording, on a fake network that waits and uses no CPU, as a GPU's would be
  --pacing   a rate set by a delay after each frame, beside one kept by deadlines

With `--backends` but no `--cam`, the network alone, square, in every backend that is installed here, and in Keras's
predict().

Rivals take turns within each round, so that a machine whose speed drifts favours none; figures are medians over the
rounds, with the least and the most; ratios are taken within a round. The warm-up is in none of them: loading a model
and its first inference are given apart. `--compare` says what got slower since a saved report. A machine that is not
at its full clock, or busy, is warned of.
"""

import argparse
import json
import sys
from typing import Callable, Optional, Sequence, Tuple

from app import __version__
from app.arguments import LARGEST_SIZE
from app.backends import physical_cores
from app.board import Board
from app.command import Parser, exit_code, number
from app.detector import nearest_sizes
from app.errors import SourceError, UsageError, warn
from app.files import check_writable, write_file
from app.modelcard import find_model, read_card
from app.sources import open_source
from tools.bench import wording
from tools.bench.comparison import KIND, changes, complaints, differences, read_report, unmatched
from tools.bench.loops import compare_backends, compare_loops, compare_overlap, compare_pacing
from tools.bench.networks import BACKENDS, KERAS, compare_networks
from tools.bench.turns import Json, Setting
from tools.machine import machine

EXAMPLES = """examples:
  python -m tools.bench --cam street.mp4
  python -m tools.bench --cam street.mp4 --sizes 160 --rounds 9 --report bench.json
  python -m tools.bench --cam street.mp4 --sizes 160 --rounds 9 --compare bench.json
  python -m tools.bench --cam street.mp4 --backends onnx openvino:bf16
  python -m tools.bench --backends
"""

# What is measured, by the options that ask for it; what measures it at one size, and what words its figures.
Way = Tuple[str, Callable[[Setting], Json], wording.Wording]


def bench(args: argparse.Namespace, saved: Optional[Json]) -> Json:
    """Do what the command line says; the report. saved: the one to compare it with, or None."""
    way, compare, words = choose(args)
    if saved is not None and saved.get("way", way) != way:
        raise UsageError(f"--compare {args.compare}: was measured with other options: {saved['way']}, and not {way}")
    warnings = Board().complaints()  # before this program makes the machine busy
    model = find_model(args.model)
    card = read_card(model)  # a model that does not match its card is not run
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
    print(wording.machine_line(report["machine"]), flush=True)
    for size in args.sizes:
        setting = Setting(model, size, args.rounds, args.seconds, threads, args.cam or "", frame, args.backends or ())
        figures = compare(setting)
        print(words(size, figures), flush=True)
        report["sizes"][str(size)] = figures
    return report


def choose(args: argparse.Namespace) -> Way:
    """What the options ask for. Raises UsageError where they contradict each other."""
    if args.cam is None and args.backends is None:
        raise UsageError("say what to measure: --cam FILE, --backends, or both; see --help")
    if (args.overlap or args.pacing) and (args.cam is None or args.backends is not None):
        raise UsageError("--overlap and --pacing need a video, --cam FILE, and no --backends")
    if args.backends is not None and args.threads:
        raise UsageError("--threads is for --cam alone: each backend has its own")
    if args.cam is not None and KERAS in (args.backends or ()):
        raise UsageError("--backends keras: is not for --cam: there is no loop on it")
    if args.cam is None:
        return "--backends", compare_networks, wording.network_lines
    if args.overlap:
        return "--cam --overlap", compare_overlap, wording.overlap_line
    if args.pacing:
        return "--cam --pacing", compare_pacing, wording.pacing_lines
    if args.backends is not None:
        return "--cam --backends", compare_backends, wording.backend_lines
    return "--cam", compare_loops, wording.loop_line


def frame_size(uri: str) -> Tuple[int, int]:
    """Height and width of a video's frames."""
    with open_source(uri) as source:
        first = next((frame for frame in source if frame is not None), None)
        if first is None or source.fps is None or len(source.files) != 1:
            raise SourceError(f"{uri}: should be a video file")
    height, width = first.image.shape[:2]
    return height, width


def compare_with(saved: Json, report: Json, path: str) -> None:
    """Print what changed since a saved report, and warn of what makes the two hard to compare."""
    for difference in differences(saved, report):
        warn(f"not as in {path}: {difference}")
    for complaint in complaints(saved):
        warn(f"when {path} was measured: {complaint}")
    print(f"since {path}:")
    print(wording.change_lines(changes(saved, report), unmatched(saved, report)), flush=True)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.bench", description=__doc__, epilog=EXAMPLES)
    positive = number(int, 1, 1000, "a number")
    seconds = number(float, 0.01, 600, "a time")
    size, sizes = number(int, 1, LARGEST_SIZE, "a size"), [160, 320, 416]
    parser.add_argument("--cam", metavar="FILE", help="measure the loop on this video")
    parser.add_argument(
        "--backends",
        nargs="*",
        choices=(*BACKENDS, KERAS),
        metavar="NAME",
        help="measure the networks, or with --cam the loop on them (default: all there are)",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--overlap", action="store_true", help="with --cam: what the loop costs beside a busy GPU")
    way.add_argument("--pacing", action="store_true", help="with --cam: a configured rate by delay and by deadline")
    parser.add_argument("--model", default="yolov3-tiny", metavar="NAME", help="(default: %(default)s)")
    parser.add_argument("--sizes", type=size, nargs="+", default=sizes, metavar="N", help="(default: 160 320 416)")
    parser.add_argument("--rounds", type=positive, default=7, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=seconds, default=3, help="length of one turn (default: %(default)s)")
    parser.add_argument("--threads", type=positive, help="threads of the session (default: one per physical core)")
    parser.add_argument("--report", metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--compare", metavar="FILE", help="an earlier --report: say what got slower since")

    def work() -> None:
        args = parser.parse_args(argv)
        if args.report is not None:
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
