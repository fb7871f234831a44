"""The command line of `tools.train`, with its defaults and limits."""

import argparse
import re
from typing import Sequence

from app.command import Parser, number
from app.errors import UsageError
from tools.train.schedules import SCHEDULES

OPTIMISERS = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "nadam")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
MODELS = ("report_cnn", "report_fast", "report_deep", "nano_resnet", "nano_resnet_s")  # models.cifar imports Keras
# Peak learning rates of SGD. Networks without shortcuts do not start to learn with more (report_cnn: loss 7 at 0.1).
LEARNING_RATES = {
    "report_cnn": 0.02,
    "report_fast": 0.02,
    "report_deep": 0.02,
    "nano_resnet": 0.1,
    "nano_resnet_s": 0.1,
}
ADAPTIVE = {"adam", "adamw", "rmsprop", "adagrad", "nadam"}
ADAPTIVE_LEARNING_RATE = 0.001  # Kingma and Ba, 2014
DEFAULT_EPOCHS = 30
DATA = "weights/cifar-100-binary"

DESCRIPTION = """Train a CIFAR-100 classifier, and export it as an ONNX file with a card that states its accuracy.

The environment variable KERAS_BACKEND selects tensorflow (the default), jax or torch. A run can be killed at any
moment: --resume continues after the last complete epoch.
"""

EXAMPLES = """examples:
  python -m tools.train nano_resnet_s --time-budget 60m
  python -m tools.train nano_resnet --epochs 200 --cutmix 0.5 --ema 0.999        on a GPU
  python -m tools.train --resume runs/nano_resnet_s
  python -m tools.train report_cnn --recipe report --epochs 300                 like the original report
"""

# Recipes are defaults for other options; options on the command line override them.
RECIPES = {
    "own": {},
    "report": {
        "optimiser": "momentum",
        "lr": 0.005,
        "momentum": 0.97256,
        "batch": 962,
        "validation": 0.1352,
        "schedule": "piecewise",
        "warm_up": 0.0,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "flip": False,
        "crop": 0,
        "ema": 0.0,
    },
}


def make_parser() -> Parser:
    """The parser of `tools.train`."""
    parser = Parser(prog="python -m tools.train", description=DESCRIPTION, epilog=EXAMPLES)
    share = number(float, 0, 0.9, "a share")
    positive = number(float, 1e-9, 1e3, "a rate")
    parser.add_argument("model", nargs="?", choices=MODELS, metavar="MODEL", help="network: " + ", ".join(MODELS))
    parser.add_argument(
        "--data", default=DATA, metavar="DIR", help="folder or archive with CIFAR-100 (default: %(default)s)"
    )
    parser.add_argument("--run", metavar="DIR", help="folder for log, curves and checkpoints (default: runs/MODEL)")
    parser.add_argument(
        "--resume",
        metavar="DIR",
        help="continue this run, with the options it was started with (default: start a new one)",
    )
    parser.add_argument("--output", metavar="FILE", help="the .onnx file to write (default: in the run's folder)")
    parser.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        default="own",
        help="set of defaults for the options below: this project's own, or the original report's (default: own)",
    )

    length = parser.add_argument_group("how long")
    length.add_argument(
        "--epochs",
        type=number(int, 1, 100000, "epochs"),
        metavar="N",
        help="passes over the training set (default: 30)",
    )
    length.add_argument(
        "--time-budget",
        type=seconds,
        metavar="TIME",
        help="train for 90s, 10m or 2h instead of epochs; the schedule follows the elapsed time (default: none)",
    )
    length.add_argument(
        "--batch",
        type=number(int, 1, 8192, "a batch"),
        default=128,
        metavar="N",
        help="images per batch (default: 128)",
    )
    length.add_argument(
        "--limit",
        type=number(int, 100, 50000, "images"),
        metavar="N",
        help="use this many training images (default: all)",
    )
    length.add_argument(
        "--validation",
        type=share,
        default=0.1,
        metavar="SHARE",
        help="share of the training set to validate on (default: 0.1)",
    )
    length.add_argument(
        "--seed", type=number(int, 0, 2**31 - 1, "a seed"), default=0, metavar="N", help="random seed (default: 0)"
    )

    optimiser = parser.add_argument_group("optimiser")
    optimiser.add_argument("--optimiser", choices=OPTIMISERS, default="nesterov", help="optimiser (default: nesterov)")
    optimiser.add_argument(
        "--lr",
        type=positive,
        metavar="RATE",
        help="peak learning rate (default: the network's, 0.1 or 0.02; 0.001 for adaptive optimisers)",
    )
    optimiser.add_argument(
        "--momentum",
        type=number(float, 0, 0.9999, "a momentum"),
        default=0.9,
        metavar="M",
        help="momentum of SGD and RMSprop (default: 0.9)",
    )
    optimiser.add_argument(
        "--weight-decay",
        type=number(float, 0, 1, "a decay"),
        default=0.005,
        metavar="DECAY",
        help="decay of the kernels per step, times the learning rate (default: 0.005)",
    )
    optimiser.add_argument(
        "--schedule", choices=tuple(SCHEDULES), default="one-cycle", help="learning-rate schedule (default: one-cycle)"
    )
    optimiser.add_argument(
        "--warm-up",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="share of the run in which the rate rises from 0 (default: 0)",
    )
    optimiser.add_argument(
        "--decay-rate", type=positive, default=0.1, metavar="RATE", help="of step, exponential and 1/t (default: 0.1)"
    )
    optimiser.add_argument(
        "--boundaries",
        type=_steps,
        default=[10000, 25000, 40000],
        metavar="STEP,...",
        help="of piecewise: steps at which the rate falls tenfold; with a time budget, in ten-thousandths of it "
        "(default: 10000,25000,40000)",
    )
    optimiser.add_argument(
        "--step-epochs", type=positive, default=10.0, metavar="N", help="of step: epochs between falls (default: 10)"
    )
    optimiser.add_argument(
        "--ema",
        type=number(float, 0, 0.99999, "a momentum"),
        default=0.99,
        metavar="M",
        help="momentum of the moving average of the weights, 0 for none (default: 0.99)",
    )
    optimiser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="number format (default: auto, mixed where the machine supports it)",
    )

    regular = parser.add_argument_group("regularisation and augmentation")
    regular.add_argument(
        "--label-smoothing",
        type=share,
        default=0.1,
        metavar="SHARE",
        help="share of a label spread over all classes (default: 0.1)",
    )
    regular.add_argument(
        "--dropout", type=share, metavar="SHARE", help="share of activations to drop (default: the network's own)"
    )
    regular.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="mirror images left to right at random (default: yes)",
    )
    regular.add_argument(
        "--crop",
        type=number(int, 0, 16, "pixels"),
        default=4,
        metavar="N",
        help="pad by N pixels and crop at random (default: 4)",
    )
    regular.add_argument(
        "--jitter",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="vary brightness, contrast and saturation (default: 0)",
    )
    regular.add_argument(
        "--erase", type=share, default=0.0, metavar="SHARE", help="largest share of the picture to erase (default: 0)"
    )
    regular.add_argument(
        "--mixup",
        type=number(float, 0, 1, "alpha"),
        default=0.0,
        metavar="ALPHA",
        help="alpha of MixUp (default: 0, none)",
    )
    regular.add_argument(
        "--cutmix",
        type=number(float, 0, 1, "alpha"),
        default=0.0,
        metavar="ALPHA",
        help="alpha of CutMix (default: 0, none)",
    )
    return parser


def seconds(text: str) -> float:
    """An argparse type: a time such as 90s, 10m or 1.5h, in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    value = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if not value:
        raise argparse.ArgumentTypeError(f"a time should be as 90s, 10m or 2h, is {text}")
    return value


def _steps(text: str) -> list[int]:
    try:
        steps = [int(part) for part in text.split(",")]
    except ValueError:
        steps = []
    if not steps or steps != sorted(set(steps)) or steps[0] < 1:
        raise argparse.ArgumentTypeError(f"boundaries should be growing steps, as 10000,25000; is {text}")
    return steps


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The complete options of a new run, or only the folder of one to resume. Raises UsageError for contradictions."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    if args.resume is not None:
        if len(arguments) > (1 if arguments[0].startswith("--resume=") else 2):
            raise UsageError("--resume: continues with the options of the run; give no others")
        return args
    parser.set_defaults(**RECIPES[args.recipe])
    args = parser.parse_args(arguments)
    if args.model is None:
        raise UsageError(f"choose a model: {', '.join(MODELS)}; or a run to --resume")
    if args.epochs is not None and args.time_budget is not None:
        raise UsageError("--epochs and --time-budget: give only one of them")
    if args.output is not None and not args.output.endswith(".onnx"):
        raise UsageError(f"--output {args.output}: should end in .onnx")
    if args.epochs is None and args.time_budget is None:
        args.epochs = DEFAULT_EPOCHS
    if args.lr is None:
        args.lr = ADAPTIVE_LEARNING_RATE if args.optimiser in ADAPTIVE else LEARNING_RATES[args.model]
    return args
