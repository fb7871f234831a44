"""Films, detects, draws, shows, and tells the truth about its speed."""

import argparse
import difflib
import importlib.util
import json
import os
import sys
from contextlib import ExitStack
from typing import Any, Dict, List, Optional, Sequence

import cv2

from app import __version__
from app.backends import BACKENDS, DEVICES, PRECISIONS, list_backends, open_backend
from app.command import Parser, exit_code, number
from app.detector import Detector, nearest_sizes
from app.errors import ModelError, UsageError
from app.files import check_writable, write_file
from app.frame import Source
from app.modelcard import card_path, find_model, read_card
from app.pipeline import Tally, report, run
from app.recording import open_recording
from app.sinks import JsonLinesSink, ProgressSink, Sink
from app.sources import open_source
from app.stop import Stop
from app.timing import Timing
from app.window import WindowSink, display_available

DEFAULT_MODEL = "yolov3-tiny"
LARGEST_SIZE = 4096

EXAMPLES = """examples:
  python -m app.detect --cam 0 --size 160
  python -m app.detect --cam street.mp4 --save annotated.mp4 --jsonl found.jsonl
  python -m app.detect --cam photos/ --conf 0.5 --classes person,dog --save annotated/
"""


def _size(text: str) -> int:
    try:
        size = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a size should be a number, is {}".format(text))
    if size > LARGEST_SIZE:
        raise argparse.ArgumentTypeError("a size should be at most {}, is {}".format(LARGEST_SIZE, size))
    if size <= 0 or size % 32:
        raise argparse.ArgumentTypeError("{} is not {}".format(size, nearest_sizes(size, 32)))
    return size


def make_parser() -> argparse.ArgumentParser:
    """The command line of `python -m app.detect`."""
    parser = Parser(prog="python -m app.detect", description=__doc__, epilog=EXAMPLES)
    count = number(int, 1, 10**9, "a number")
    pixels = number(int, 1, 16384, "a resolution")
    fraction = number(float, 0, 1, "a threshold")
    rate = number(float, 0.01, 1000, "a rate")

    source = parser.add_argument_group("source")
    source.add_argument(
        "--cam",
        metavar="SOURCE",
        default="0",
        help="camera number or /dev/..., video file, image, folder or glob of images, "
        "test://640x480@30?frames=300 (default: 0)",
    )
    source.add_argument("--width", type=pixels, metavar="PIXELS", help="asked of a camera (default: the camera's)")
    source.add_argument("--height", type=pixels, metavar="PIXELS", help="asked of a camera (default: the camera's)")
    source.add_argument("--fps", type=rate, metavar="RATE", help="frames per second (default: as fast as the source)")
    source.add_argument("--loop", action="store_true", help="start a file again at its end")
    source.add_argument("--max-frames", type=count, metavar="N", help="stop after so many frames")

    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", metavar="NAME", default=DEFAULT_MODEL, help="name in weights/, or a file (default: %(default)s)"
    )
    model.add_argument(
        "--size",
        type=_size,
        metavar="PIXELS",
        default=416,
        help="longer side of the network's input, a multiple of 32 (default: %(default)s)",
    )
    model.add_argument("--square", action="store_true", help="pad to a square, as Darknet does: slower, hardly better")
    model.add_argument("--backend", choices=BACKENDS, default="auto", help="(default: %(default)s)")
    model.add_argument("--device", choices=DEVICES, default="auto", help="(default: %(default)s)")
    model.add_argument("--precision", choices=PRECISIONS, default="auto", help="of the arithmetic (default: fp32)")
    model.add_argument(
        "--list-backends", action="store_true", help="say which are installed here, and what they run on"
    )
    model.add_argument("--offline", action="store_true", help="never download the default model")

    found = parser.add_argument_group("detections")
    found.add_argument(
        "--conf", type=fraction, metavar="SCORE", default=0.25, help="least score (default: %(default)s)"
    )
    found.add_argument(
        "--nms", type=fraction, metavar="IOU", default=0.45, help="overlap that is a duplicate (default: %(default)s)"
    )
    found.add_argument("--agnostic-nms", action="store_true", help="also between boxes of different classes")
    found.add_argument("--classes", metavar="A,B", help="only these labels (default: all)")

    output = parser.add_argument_group("output")
    show = output.add_mutually_exclusive_group()
    show.add_argument(
        "--show", dest="show", action="store_true", default=None, help="(default: where there is a display)"
    )
    show.add_argument("--no-show", dest="show", action="store_false", help="no window")
    output.add_argument("--save", metavar="FILE", help="annotated .mp4, .mkv, .avi; for images an image or a folder")
    output.add_argument("--jsonl", metavar="FILE", help="one JSON line per frame; - for standard output")
    output.add_argument("--report", metavar="FILE", help="the report, as JSON")
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    return parser


def choose_classes(wanted: Optional[str], labels: Sequence[str]) -> Optional[List[int]]:
    """Numbers of the labels in a comma-separated list; None for all. Raises UsageError for one that does not exist."""
    if wanted is None:
        return None
    chosen = []
    for label in (part.strip() for part in wanted.split(",")):
        if label not in labels:
            close = difflib.get_close_matches(label, labels)
            hint = "did you mean {}?".format(" or ".join(close)) if close else "the model's card lists its labels"
            raise UsageError("--classes: there is no label {!r}; {}".format(label, hint))
        chosen.append(labels.index(label))
    return chosen


def ensure_default_model(path: str, offline: bool) -> None:
    """Fetch and convert the default model if it is not there. Raises ModelError where that fails or is forbidden."""
    if os.path.exists(path) and os.path.exists(card_path(path)):
        return
    if offline:
        raise ModelError(
            "{}: not there, and --offline forbids fetching it; run: python -m tools.fetch {} && "
            "python -m tools.convert".format(path, DEFAULT_MODEL)
        )
    # The one place where app needs tools: the first run on a fresh machine.
    from tools import convert, fetch

    weights = fetch.fetch(DEFAULT_MODEL)
    convert.convert(weights, path)


def open_sinks(args: argparse.Namespace, source: Source, labels: Sequence[str], stop: Stop) -> List[Sink]:
    """The outputs that the command line asks for. Nothing is written yet."""
    sinks: List[Sink] = []
    frames = source.count
    if args.max_frames is not None:
        frames = args.max_frames if frames is None else min(frames, args.max_frames)
    if args.jsonl is not None:
        sinks.append(JsonLinesSink(args.jsonl, labels))
    if args.save is not None:
        # A file plays as fast as it was filmed, whatever the speed of detection; a camera, at the rate of the loop.
        rate = (args.fps if source.live else None) or source.fps or 25.0
        sinks.append(open_recording(args.save, rate, frames, still=source.fps is None and not source.live))
    if args.show or (args.show is None and display_available()):
        sinks.append(WindowSink("nanoyolo: " + source.name, stop.request))
    elif frames is not None and sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None:
        sinks.append(ProgressSink(frames))
    return sinks


def protect_inputs(args: argparse.Namespace, inputs: Sequence[str]) -> None:
    """Raise UsageError if an output would overwrite an input, or another output."""
    taken = {os.path.realpath(path): path for path in inputs}
    if args.save and os.path.isdir(args.save):
        for path in inputs:
            if os.path.dirname(os.path.realpath(path)) == os.path.realpath(args.save):
                raise UsageError("--save {}: would overwrite the images that are read; name another".format(args.save))
    for option, path in (("--save", args.save), ("--jsonl", args.jsonl), ("--report", args.report)):
        if path and path != "-" and not (os.path.exists(path) and not os.path.isfile(path)):
            place = os.path.realpath(path)
            if place in taken:
                raise UsageError("{} {}: would overwrite {}; name another".format(option, path, taken[place]))
            taken[place] = path


def detect(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    if args.list_backends:
        for line in list_backends():
            print(line, flush=True)
        return
    for path in (args.report, None if args.jsonl == "-" else args.jsonl):
        if path is not None:
            check_writable(path)
    model = find_model(args.model)
    if args.model == DEFAULT_MODEL:
        ensure_default_model(model, args.offline)

    # Its thread pool spins between calls, on the cores that inference needs, and gains nothing on pictures this small.
    cv2.setNumThreads(1)
    with Stop() as stop, ExitStack() as stack:
        card = read_card(model)
        classes = choose_classes(args.classes, card.labels)
        source = stack.enter_context(open_source(args.cam, args.width, args.height, args.fps, args.loop))
        protect_inputs(args, [*source.files, model, card_path(model)])
        backend = stack.enter_context(open_backend(model, args.backend, args.device, args.precision))
        if source.live:  # one that ends soon is told at its end
            print("{} on {}".format(card.name, backend.description), file=sys.stderr)
        detector = Detector(backend, card, args.size, args.square, args.conf, args.nms, args.agnostic_nms, classes)
        timing = Timing(args.fps)
        tally = Tally(card.labels)
        try:
            with ExitStack() as sinks:
                opened = [sinks.enter_context(sink) for sink in open_sinks(args, source, card.labels, stop)]
                run(source, detector, opened, timing, tally, stop, max_frames=args.max_frames)
        finally:
            if timing.frames or stop.requested:
                fields = report(source, detector, timing, tally)
                if args.report is not None:
                    write_file(args.report, (json.dumps(fields, indent=2) + "\n").encode())
                print(summary(fields), file=sys.stderr)


def summary(fields: Dict[str, Any]) -> str:
    """The report in four lines."""
    if not fields["frames"]:
        return "stopped before the first frame"
    fps, latency, found = fields["fps"], fields["latency_ms"], fields["detections"]
    real = "too short to give a rate" if fps["real"] is None else "{:.1f} FPS".format(fps["real"])
    if fps["configured"]:
        real += " of {:g} configured".format(fps["configured"])
        if fps["real"] is not None and fps["real"] < 0.98 * fps["configured"]:
            real += " (not reached: see the times)"
    stages = ", ".join("{} {:.1f}".format(stage, times["mean"]) for stage, times in fields["stages_ms"].items())
    labels = ", ".join("{} {}".format(count, label) for label, count in found["by_label"].items())
    height, width = fields["input"]
    frames = "{} frame{}".format(fields["frames"], "s" if fields["frames"] > 1 else "")
    return "\n".join(
        (
            "{} in {:.1f} s, {}, {} dropped".format(frames, fields["duration_s"], real, fields["dropped"]),
            "ms per frame: {}; latency p50 {:.1f}, p95 {:.1f}".format(stages, latency["p50"], latency["p95"]),
            "{} detections: {}".format(found["count"], labels or "none"),
            "{} at {}x{} on {}".format(fields["model"], width, height, fields["backend"]),
        )
    )


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: detect(make_parser().parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
