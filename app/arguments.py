"""The command line of `python -m app.detect`."""

import argparse
from typing import List, Union

from app import __version__
from app.backends import BACKENDS, DEVICES, PRECISIONS
from app.clips.arguments import add_clips
from app.command import Parser, number
from app.events.arguments import add_events
from app.inputsize import DEFAULT_SIZE
from app.notify.arguments import add_notifying
from app.sources.pictures import MOST_PIXELS
from app.tracking.arguments import add_tracking
from app.web.arguments import add_serving

DESCRIPTION = "Detect objects in a camera, video or image, and report the measured frame rate."
DEFAULT_MODEL = "yolov3-tiny"
LARGEST_SIZE = 4096
MOST_WORKERS = 256

EXAMPLES = """examples:
  python -m app.detect --cam 0 --size 160
  python -m app.detect --cam street.mp4 --save annotated.mp4 --jsonl found.jsonl
  python -m app.detect --cam rtsp://user:password@192.168.1.20/live --wait --save annotated.mkv
  python -m app.detect --cam photos/ --conf 0.5 --classes person,dog --save annotated/
  python -m app.detect --cam door=0 --cam yard=rtsp://user@192.168.1.20/live --password-file yard.txt
  python -m app.detect --cam 0 --line door:10%,50%-90%,50% --events events.jsonl
  python -m app.detect --cam 0 --store runs/store --event-classes person --quiet-hours 8:00-18:00
  python -m app.detect --cam 0 --serve 0.0.0.0:8080
  python -m app.detect --cam 0 --record --keep 20GB --keep-days 14
  python -m app.detect --config cameras.toml --check
"""


def _labels(text: str) -> List[str]:
    return [part.strip() for part in text.split(",")]


def _workers(text: str) -> Union[int, str]:
    if text == "auto":
        return text
    if not (text.isdecimal() and 1 <= int(text) <= MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"should be auto or from 1 to {MOST_WORKERS}, is {text}")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    """The command line of `python -m app.detect`."""
    parser = Parser(prog="python -m app.detect", description=DESCRIPTION, epilog=EXAMPLES)
    count = number(int, 1, 10**9, "a number")
    attempts = number(int, 0, 10**9, "a number")
    pixels = number(int, 1, 16384, "a resolution")
    fraction = number(float, 0, 1, "a threshold")
    rate = number(float, 0.01, 1000, "a rate")

    source = parser.add_argument_group("source")
    source.add_argument(
        "--cam",
        action="append",
        metavar="SOURCE",
        help="camera number or /dev/..., csi://0?flip=2, rtsp://user:password@host/path, http://host/video.mjpg, "
        "gst://PIPELINE; video or image, a folder or glob of either; - or a named pipe; test://640x480@30?frames=300; "
        "repeat it for several cameras; NAME=SOURCE names one (default: 0; names: cam0, cam1, ...)",
    )
    source.add_argument(
        "--password-file",
        metavar="FILE",
        help="a file whose first line is the password of rtsp://user@host/path (or http://)",
    )
    source.add_argument("--width", type=pixels, metavar="PIXELS", help="requested from a camera (default: its own)")
    source.add_argument("--height", type=pixels, metavar="PIXELS", help="requested from a camera (default: its own)")
    source.add_argument(
        "--fps",
        type=rate,
        metavar="RATE",
        help="frames per second to keep, and of a recording of images (default: as fast as the source, and 25)",
    )
    source.add_argument("--wait", action="store_true", help="keep trying if the camera is not there at the start")
    source.add_argument(
        "--retry",
        type=attempts,
        metavar="N",
        help="give up on a camera after N failures in a row (default: never)",
    )
    source.add_argument(
        "--max-megapixels",
        type=number(int, 1, 100000, "a limit"),
        metavar="N",
        default=MOST_PIXELS // 10**6,
        help="larger images are decoded at a smaller scale (JPEG) or refused (default: %(default)s)",
    )
    source.add_argument("--loop", action="store_true", help="restart a file at its end")
    source.add_argument(
        "--max-frames", type=count, metavar="N", help="stop after N frames (default: at the end of the source)"
    )

    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        metavar="NAME",
        default=DEFAULT_MODEL,
        help="a name in weights/, or an ONNX file (default: %(default)s)",
    )
    model.add_argument(
        "--size",
        type=number(int, 1, LARGEST_SIZE, "a size"),
        metavar="PIXELS",
        help=f"longer side of the network's input (default: the model's own; {DEFAULT_SIZE} if its card has none)",
    )
    model.add_argument(
        "--square", action="store_true", help="pad the input to a square, as Darknet does: slower, as accurate"
    )
    model.add_argument("--backend", choices=BACKENDS, default="auto", help="runtime (default: the best one installed)")
    model.add_argument(
        "--device", choices=DEVICES, default="auto", help="processor (default: what the backend prefers)"
    )
    model.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="arithmetic of the network (default: fp32; tensorrt: the engine's)",
    )
    model.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        default="auto",
        help="how many frames to work on at the same time (default: auto, which measures what this machine needs)",
    )
    model.add_argument(
        "--list-backends", action="store_true", help="list the installed backends and what they run on, and exit"
    )
    model.add_argument("--offline", action="store_true", help="never download a model, even if it is missing")

    found = parser.add_argument_group("detections")
    found.add_argument(
        "--conf", type=fraction, metavar="SCORE", default=0.25, help="minimum confidence (default: %(default)s)"
    )
    found.add_argument(
        "--nms", type=fraction, metavar="IOU", default=0.45, help="IoU threshold of NMS (default: %(default)s)"
    )
    found.add_argument("--agnostic-nms", action="store_true", help="NMS between boxes of different classes, too")
    found.add_argument("--classes", type=_labels, metavar="A,B", help="report only these labels (default: all)")

    add_tracking(parser)

    output = parser.add_argument_group("output")
    show = output.add_mutually_exclusive_group()
    show.add_argument(
        "--show", dest="show", action="store_true", default=None, help="show a window (default: if there is a display)"
    )
    show.add_argument("--no-show", dest="show", action="store_false", help="show no window")
    output.add_argument(
        "--save",
        metavar="FILE",
        help="record the annotated frames: .mkv; for a file also .mp4 or .avi; for images an image or a folder; "
        "{camera} in it is the camera's name",
    )
    output.add_argument(
        "--jsonl",
        metavar="FILE",
        help="write one JSON line per frame; - for standard output; {camera} in it is the camera's name",
    )
    output.add_argument("--report", metavar="FILE", help="write the report as JSON")

    add_events(parser)
    add_notifying(parser)
    add_serving(parser)
    add_clips(parser)

    settings = parser.add_argument_group("settings")
    settings.add_argument(
        "--config",
        metavar="FILE.toml",
        help="read options from a file: size = 160 for all cameras, and for one below a line [camera.NAME], there with "
        'cam = "SOURCE"; an option given here wins',
    )
    settings.add_argument(
        "--check", action="store_true", help="print the settings as JSON, without passwords, and exit"
    )
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    return parser
