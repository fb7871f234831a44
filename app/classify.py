"""Classifies pictures, films and what a camera sees: the most probable labels of each."""

import argparse
from typing import Any, Dict, List, Optional, Sequence, Tuple, cast

from app import __version__
from app.backends import BACKENDS, DEVICES, PRECISIONS
from app.classification.frames import FrameClassifier
from app.classifier import DEFAULT_MODEL, load_classifier
from app.command import Parser, exit_code, leave, number
from app.detector import Detector
from app.errors import SourceError, UsageError, say, warn
from app.files import check_writable, reject_overwrites
from app.frame import Source
from app.loop.channel import Channel
from app.modelcard import card_path, find_model
from app.pipeline import Pipeline, configure_process
from app.sinks import Sink
from app.sinks.labels import Labelled, LabelsJsonSink, TextSink
from app.sinks.window import WindowSink, display_available
from app.sources import CameraOptions, open_source
from app.stop import Stop

DESCRIPTION = """Classify pictures: print the most probable labels of each, with their probabilities.

A picture is stretched to the model's input. A model of characters takes photographs of one upright character, dark on
light or light on dark: it is found, and drawn as in the model's data set. What cannot be read is skipped with a
warning; exit code 3 means that nothing could be classified, or that the only film breaks off.
"""
EXAMPLES = """examples:
  python -m app.classify photo.jpg other.png
  python -m app.classify --model nano_characters --top 3 letters/ --jsonl letters.jsonl
  python -m app.classify --model nano_resnet_s --cam 0 --fps 15
"""


def make_parser() -> argparse.ArgumentParser:
    """The command line of `python -m app.classify`."""
    parser = Parser(prog="python -m app.classify", description=DESCRIPTION, epilog=EXAMPLES)
    source = parser.add_argument_group("source")
    source.add_argument(
        "images", metavar="IMAGE", nargs="*", help="picture, film, or a folder or glob of either; - for standard input"
    )
    source.add_argument(
        "--cam",
        metavar="SOURCE",
        help="camera number or /dev/..., csi://0, rtsp://user:password@host/path, http://host/video.mjpg; a file, too",
    )
    source.add_argument(
        "--fps", type=number(float, 0.01, 1000, "a rate"), metavar="RATE", help="frames per second (default: all)"
    )
    source.add_argument("--wait", action="store_true", help="keep trying if the camera is not there at the start")
    source.add_argument(
        "--max-frames",
        type=number(int, 1, 10**9, "a number"),
        metavar="N",
        help="stop after N frames of each source (default: at its end)",
    )

    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", metavar="NAME", default=DEFAULT_MODEL, help="name in weights/, or ONNX file (default: %(default)s)"
    )
    model.add_argument(
        "--top", type=number(int, 1, 1000, "a number"), metavar="N", default=5, help="labels (default: %(default)s)"
    )
    model.add_argument("--backend", choices=BACKENDS, default="auto", help="runtime (default: %(default)s)")
    model.add_argument("--device", choices=DEVICES, default="auto", help="processor (default: %(default)s)")
    model.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="arithmetic (default: fp32, or the TensorRT engine's)"
    )

    output = parser.add_argument_group("output")
    show = output.add_mutually_exclusive_group()
    show.add_argument(
        "--show",
        dest="show",
        action="store_true",
        default=None,
        help="show a window (default: of a camera, if there is a display)",
    )
    show.add_argument("--no-show", dest="show", action="store_false", help="show no window")
    output.add_argument(
        "--jsonl", metavar="FILE", help="write one JSON line per picture; - for standard output, instead of text"
    )
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    return parser


def classify(args: argparse.Namespace) -> None:
    """Do what the command line says. Raises NanoyoloError."""
    uris = [*args.images, *([] if args.cam is None else [args.cam])]
    if not uris:
        raise UsageError("name a picture, a folder or a camera, as in: python -m app.classify photo.jpg; see --help")
    model = find_model(args.model)
    inputs = [model, card_path(model), *args.images]
    reject_overwrites([("--jsonl", args.jsonl)], inputs)
    if args.jsonl not in (None, "-"):
        check_writable(args.jsonl)
    configure_process()
    options = {"backend": args.backend, "device": args.device, "precision": args.precision}
    with Stop() as stop, load_classifier(model, **options) as classifier:
        # It has of a detector what the pipeline uses.
        frames = cast(Detector, FrameClassifier(classifier, args.top))
        classified, failures = 0, []
        for uri in uris:
            if stop.requested:
                break
            count, failure = _classify_all(args, uri, frames, stop, classified > 0)
            classified += count
            if failure is not None:
                failures.append(failure)
                if len(uris) > 1:
                    warn(str(failure) if count else f"{failure}; skipped")
        if len(uris) == 1 and failures:
            raise failures[0]
        if failures and not classified:
            raise SourceError(f"none of {len(uris)} could be classified")


def _classify_all(
    args: argparse.Namespace, uri: str, frames: Detector, stop: Stop, append: bool
) -> Tuple[int, Optional[SourceError]]:
    """Classify the frames of one source. append: whether the JSON file has lines already.

    Returns how many were classified, and what went wrong: no frame could be, or the source broke after some.
    """
    counter = Labelled()
    try:
        with open_source(uri, CameraOptions(fps=args.fps, wait=args.wait)) as source:
            counter.source = source
            reject_overwrites([("--jsonl", args.jsonl)], source.files)
            fps = args.fps if source.live or source.fps else None
            channel = Channel(source, frames, fps=fps, max_frames=args.max_frames)
            channel.sinks = _sinks(args, channel, counter, stop, append)
            pipeline = Pipeline([channel], stop=stop)
            try:
                pipeline.run()
            finally:
                if source.live:
                    say(summary(pipeline.report()))
            if not counter.classified and counter.reason and not source.live:
                raise SourceError(_why_none(source, counter))
    except SourceError as error:
        return counter.classified, error
    return counter.classified, None


def _sinks(args: argparse.Namespace, channel: Channel, counter: Labelled, stop: Stop, append: bool) -> List[Sink]:
    """Where the labels of the channel's source go."""
    source = channel.source
    shown = args.show or (args.show is None and source.live and display_available())
    sinks: List[Sink] = [counter]
    if args.jsonl is not None:
        sinks.append(LabelsJsonSink(args.jsonl, source, append=append))
    if args.jsonl != "-" and not (source.live and shown):
        sinks.append(TextSink(source, channel.timing))
    if shown:
        sinks.append(WindowSink("nanoyolo: " + source.name, stop.request))
    return sinks


def _why_none(source: Source, counter: Labelled) -> str:
    if source.count == 1:
        return counter.reason
    return f"{source.name}: none of its {counter.frames} pictures could be classified"


def summary(fields: Dict[str, Any]) -> str:
    """The report of a camera in three lines."""
    if not fields["frames"]:
        return "stopped before the first frame"
    real = fields["fps"]["real"]
    rate = "too short for a rate" if real is None else f"{real:.1f} FPS"
    stages = ", ".join(f"{stage} {times['mean']:.1f}" for stage, times in fields["stages_ms"].items())
    latency = fields["latency_ms"]
    return "\n".join(
        (
            f"frames: {fields['frames']} in {fields['duration_s']:.1f} s, {rate}, {fields['dropped']} dropped",
            f"ms per frame: {stages}; latency p50 {latency['p50']:.1f}, p95 {latency['p95']:.1f}",
            f"{fields['model']} on {fields['backend']}",
        )
    )


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: classify(make_parser().parse_args(argv)))


if __name__ == "__main__":
    leave(main())
