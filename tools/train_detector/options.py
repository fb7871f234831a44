"""The command line of `tools.train_detector`, with its defaults and limits."""

import argparse
import os
from typing import Any, Sequence

from app.arguments import LARGEST_SIZE
from app.command import Parser, duration, number
from app.errors import UsageError
from app.modelcard import find_model
from tools.darknet_models import NAME
from tools.train.schedules import SCHEDULES

DEFAULT_EPOCHS = 60
DEFAULT_OUTPUT = "my-detector"
OPTIMISERS = ("adamw", "adam", "sgd", "momentum", "nesterov")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")

DESCRIPTION = """Train a detector on your own pictures: YOLOv3-tiny, or another network of Darknet's family, from COCO's
weights.

Labels are YOLO text files, Pascal VOC files, or one COCO file; which, is found out. It first checks the data and says
what is odd. It ends with the ONNX file, its card, and the line that starts the camera with it. The environment variable
KERAS_BACKEND selects tensorflow (the default), jax or torch. A run can be killed at any moment: --resume continues
after the last complete epoch.
"""

EXAMPLES = """examples:
  python -m tools.train_detector --images photos --labels photos --time-budget 15m --output my-cat
  python -m tools.train_detector --images JPEGImages --labels Annotations --val 1/5 --epochs 60
  python -m tools.train_detector --images train --labels train.json --val valid --val-labels valid.json
  python -m tools.train_detector --data data.yaml --time-budget 45m
  python -m tools.train_detector --images photos --labels photos --freeze backbone --time-budget 5m
  python -m tools.train_detector --resume runs/my-cat
"""

# What `tools.train` lets choose, and the parts that it shares with this command expect.
FIXED: dict[str, Any] = {
    "momentum": 0.9,
    "small_first": None,
    "small_share": 0.0,
    "decay_rate": 0.1,
    "boundaries": [],
    "step_epochs": 10.0,
    "snapshots": None,
}


SIZE = number(int, 32, LARGEST_SIZE, "a size")
SHARE = number(float, 0, 0.9, "a share")
DECAY = number(float, 0, 1, "a decay")
HELD = "validation pictures: a folder, a file that lists them, 1/5 for the first of every five by name, or none"
BUDGET = "finish within 90s, 10m or 2h, with a schedule by the clock"

# Options by group: name, type or choices, default, metavar, help, and how the help shows the default where it differs.
GROUPS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "data": (
        ("--images", str, None, "DIR", "folder of pictures", "none"),
        ("--labels", str, None, "DIR|FILE", "folder of YOLO or Pascal VOC labels, a COCO file, or a data.yaml", "none"),
        ("--data", str, None, "FILE", "a data.yaml of Ultralytics' form, instead of --images and --labels", "none"),
        ("--val", str, None, "DIR|LIST|1/N", HELD, "those of the data.yaml, or 1/5"),
        ("--val-labels", str, None, "DIR|FILE", "labels of the validation pictures, if they are elsewhere", "--labels"),
        ("--names", str, None, "FILE", "names of the classes, one a line", "those in the labels"),
    ),
    "network": (
        ("--size", SIZE, 320, "N", "side of the input in pixels"),
        ("--cfg", str, None, "FILE", "Darknet configuration of another network", NAME),
        ("--weights", str, None, "FILE", "its weights", f"weights/{NAME}.weights"),
        ("--anchors", ("keep", "fit"), "keep", None, "keep the network's, or fit them to your boxes by k-means"),
        ("--freeze", ("none", "backbone"), "none", None, "keep the layers before the heads: faster, less accurate"),
    ),
    "run": (
        ("--epochs", number(int, 1, 100000, "epochs"), None, "N", "passes over the pictures", DEFAULT_EPOCHS),
        ("--time-budget", duration, None, "TIME", BUDGET, "none"),
        ("--output", str, DEFAULT_OUTPUT, "NAME", "the model: a name in weights/, or the path of an .onnx file"),
        ("--run", str, None, "DIR", "folder for log, curves and checkpoints", "runs/NAME"),
        ("--resume", str, None, "DIR", "continue this run with its own options", "a new run"),
        ("--seed", number(int, 0, 2**31 - 1, "a seed"), 0, "N", "random seed"),
    ),
    "optimiser": (
        ("--batch", number(int, 1, 1024, "a batch"), 8, "N", "pictures per batch"),
        ("--optimiser", OPTIMISERS, "adamw", None, "optimiser"),
        ("--lr", number(float, 1e-9, 10, "a rate"), 0.0005, "RATE", "peak learning rate"),
        ("--weight-decay", DECAY, 0.0005, "DECAY", "decay of the kernels per step, times the learning rate"),
        ("--schedule", SCHEDULES[:3], "cosine", None, "learning-rate schedule"),
        ("--warm-up", SHARE, 0.03, "SHARE", "share of the run in which the rate rises from 0"),
        ("--ema", number(float, 0, 0.99999, "a momentum"), 0.98, "M", "momentum of the weights' average, 0 for none"),
        ("--precision", PRECISIONS, "auto", None, "number format", "auto: mixed where the machine supports it"),
    ),
}


def make_parser() -> Parser:
    """The parser of `tools.train_detector`."""
    parser = Parser(prog="python -m tools.train_detector", description=DESCRIPTION, epilog=EXAMPLES)
    parser.set_defaults(**FIXED)
    groups = {}
    for title, options in GROUPS.items():
        groups[title] = parser.add_argument_group(title)
        for name, kind, default, metavar, text, *shown in options:
            what = {"choices": kind} if isinstance(kind, tuple) else {"type": kind, "metavar": metavar}
            text = f"{text} (default: {shown[0] if shown else default})"
            groups[title].add_argument(name, default=default, help=text, **what)
    add = groups["data"].add_argument
    flip_help = "mirror pictures left to right at random; not of writing (default: yes)"
    add("--flip", action=argparse.BooleanOptionalAction, default=True, help=flip_help)
    add("--skip-damaged", action="store_true", help="leave damaged pictures out, and say how many")
    add("--check-only", action="store_true", help="check the data, and train nothing")
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The complete options of a new run, or only the folder of one to resume. Raises UsageError for contradictions."""
    args = make_parser().parse_args(arguments)
    if args.resume is not None:
        if len(arguments) > (1 if arguments[0].startswith("--resume=") else 2):
            raise UsageError("--resume: continues with the options of the run; give no others")
        return args
    if args.data is None and args.labels is not None and args.labels.endswith((".yaml", ".yml")):
        args.data, args.labels = args.labels, None
    if args.data is None and (args.images is None or args.labels is None):
        raise UsageError("name your pictures with --images DIR and their labels with --labels, or a --data data.yaml")
    if args.data is not None and args.images is not None:
        raise UsageError("--data names the pictures already; leave --images out")
    if args.epochs is not None and args.time_budget is not None:
        raise UsageError("--epochs and --time-budget: give only one of them")
    args.epochs = None if args.time_budget is not None else args.epochs or DEFAULT_EPOCHS
    path = find_model(args.output)
    name = os.path.splitext(os.path.basename(path))[0]
    args.output = path if path == args.output else os.path.relpath(path)
    if not path.endswith(".onnx"):
        raise UsageError(f"--output {args.output}: should be a name, or end in .onnx")
    if os.path.realpath(path) == os.path.realpath(find_model(NAME)):
        raise UsageError(f"--output {args.output}: is the default model; choose another name")
    args.run = args.run or os.path.join("runs", name)
    return args
