"""What a training run is told: the command line of `tools.train`, and its limits."""

import argparse
import re
from typing import Sequence

from app.command import Parser, number
from app.errors import UsageError
from tools.train.schedules import SCHEDULES

OPTIMISERS = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "nadam")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
MODELS = ("report_cnn", "report_fast", "report_deep", "nano_resnet", "nano_resnet_s")  # models.cifar imports Keras
# The highest learning rate of SGD. Without shortcuts nothing is learned at first with more (report_cnn: loss 7 at 0.1).
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

DESCRIPTION = """Trains a CIFAR-100 classifier and makes an ONNX file of it, with a card that states its accuracy.

KERAS_BACKEND chooses what computes: tensorflow (the default), jax or torch. A run can be killed at any moment:
--resume goes on at the last whole epoch.
"""

EXAMPLES = """examples:
  python -m tools.train nano_resnet_s --time-budget 60m
  python -m tools.train nano_resnet --epochs 200 --cutmix 0.5 --ema 0.999        with a GPU
  python -m tools.train --resume runs/nano_resnet_s
  python -m tools.train report_cnn --recipe report --epochs 300                 as the original report did
"""

# Recipes are defaults of other options; what is given on the command line goes before them.
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
    parser.add_argument("model", nargs="?", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument(
        "--data", default=DATA, metavar="DIR", help="CIFAR-100, a folder or archive (default: %(default)s)"
    )
    parser.add_argument("--run", metavar="DIR", help="where log, curves and checkpoints go (default: runs/MODEL)")
    parser.add_argument("--resume", metavar="DIR", help="go on with this run, with the options it was started with")
    parser.add_argument("--output", metavar="FILE", help="the ONNX file (default: in the run's folder)")
    parser.add_argument(
        "--recipe", choices=tuple(RECIPES), default="own", help="other options' defaults (default: own)"
    )

    length = parser.add_argument_group("how long")
    length.add_argument("--epochs", type=number(int, 1, 100000, "epochs"), help="(default: 30)")
    length.add_argument(
        "--time-budget", type=seconds, metavar="TIME", help="as 90s, 10m or 2h: the schedule runs on elapsed time"
    )
    length.add_argument("--batch", type=number(int, 1, 8192, "a batch"), default=128, help="(default: %(default)s)")
    length.add_argument("--limit", type=number(int, 100, 50000, "images"), help="use only so many training images")
    length.add_argument("--validation", type=share, default=0.1, help="share of the training set (default: 0.1)")
    length.add_argument("--seed", type=number(int, 0, 2**31 - 1, "a seed"), default=0, help="(default: 0)")

    optimiser = parser.add_argument_group("optimiser")
    optimiser.add_argument("--optimiser", choices=OPTIMISERS, default="nesterov", help="(default: nesterov)")
    optimiser.add_argument(
        "--lr", type=positive, help="the highest (default: the network's, 0.1 or 0.02; 0.001 for Adam's kind)"
    )
    optimiser.add_argument(
        "--momentum", type=number(float, 0, 0.9999, "a momentum"), default=0.9, help="(default: 0.9)"
    )
    optimiser.add_argument(
        "--weight-decay",
        type=number(float, 0, 1, "a decay"),
        default=0.005,
        help="of kernels, times the learning rate, at each step (default: 0.005)",
    )
    optimiser.add_argument("--schedule", choices=tuple(SCHEDULES), default="one-cycle", help="(default: one-cycle)")
    optimiser.add_argument("--warm-up", type=share, default=0.0, help="first share of the run, from 0 up (default: 0)")
    optimiser.add_argument("--decay-rate", type=positive, default=0.1, help="step, exponential, 1/t (default: 0.1)")
    optimiser.add_argument(
        "--boundaries",
        type=_steps,
        default=[10000, 25000, 40000],
        metavar="STEP,...",
        help="piecewise: steps at which the rate falls by ten; with a time budget, in ten-thousandths of it "
        "(default: 10000,25000,40000)",
    )
    optimiser.add_argument(
        "--step-epochs", type=positive, default=10.0, help="step: epochs between falls (default: 10)"
    )
    optimiser.add_argument(
        "--ema",
        type=number(float, 0, 0.99999, "a momentum"),
        default=0.99,
        help="momentum of the weights' moving average that is kept, 0 for none (default: 0.99)",
    )
    optimiser.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="(default: mixed where the machine has it)"
    )

    regular = parser.add_argument_group("regularisation and augmentation")
    regular.add_argument("--label-smoothing", type=share, default=0.1, help="(default: 0.1)")
    regular.add_argument("--dropout", type=share, help="(default: the network's own)")
    regular.add_argument("--flip", action=argparse.BooleanOptionalAction, default=True, help="left and right")
    regular.add_argument(
        "--crop", type=number(int, 0, 16, "pixels"), default=4, help="padding to crop from (default: 4)"
    )
    regular.add_argument("--jitter", type=share, default=0.0, help="of brightness, contrast, saturation (default: 0)")
    regular.add_argument("--erase", type=share, default=0.0, help="largest share of the picture erased (default: 0)")
    regular.add_argument("--mixup", type=number(float, 0, 1, "alpha"), default=0.0, help="alpha (default: 0, none)")
    regular.add_argument("--cutmix", type=number(float, 0, 1, "alpha"), default=0.0, help="alpha (default: 0, none)")
    return parser


def seconds(text: str) -> float:
    """An argparse type: a time such as 90s, 10m, 1.5h, as seconds."""
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
    """The options of a run, whole; of one to resume, only which. Raises UsageError for what does not go together."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    if args.resume is not None:
        if len(arguments) > (1 if arguments[0].startswith("--resume=") else 2):
            raise UsageError("--resume: goes on with the options of the run; give no others")
        return args
    parser.set_defaults(**RECIPES[args.recipe])
    args = parser.parse_args(arguments)
    if args.model is None:
        raise UsageError(f"name a model: {', '.join(MODELS)}; or a run to --resume")
    if args.epochs is not None and args.time_budget is not None:
        raise UsageError("--epochs and --time-budget: only one of them")
    if args.output is not None and not args.output.endswith(".onnx"):
        raise UsageError(f"--output {args.output}: should end in .onnx")
    if args.epochs is None and args.time_budget is None:
        args.epochs = DEFAULT_EPOCHS
    if args.lr is None:
        args.lr = ADAPTIVE_LEARNING_RATE if args.optimiser in ADAPTIVE else LEARNING_RATES[args.model]
    return args
