"""The command line of `tools.train`, with its defaults and limits."""

import argparse
from typing import Any, Sequence

from app.classification.datasets import is_characters
from app.command import Parser, duration, number
from app.errors import UsageError
from tools.train.networks import NETWORKS
from tools.train.schedules import SCHEDULES
from tools.train.snapshots import settle_cycles
from tools.train.values import frozen, growing_steps

OPTIMISERS = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "nadam")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
ADAPTIVE = {"adam", "adamw", "rmsprop", "adagrad", "nadam"}
ADAPTIVE_RATE = 0.001  # Kingma and Ba, 2014
SGD_RATE = 0.02
DEFAULT_EPOCHS = 30
MODELS = tuple(NETWORKS)

DESCRIPTION = """Train a classifier of CIFAR-100 or of characters, and export it as an ONNX file with a card that
states its accuracy.

The environment variable KERAS_BACKEND selects tensorflow (the default), jax or torch. A run can be killed at any
moment: --resume continues after the last complete epoch. The defaults below are those of networks that have none of
their own; the run's state.json has all that hold.
"""

EXAMPLES = """examples:
  python -m tools.train nano_resnet_s --time-budget 60m
  python -m tools.train nano_cifar                                               the best from scratch
  python -m tools.train efficientnet_lite0 --size 160                            from ImageNet's weights
  python -m tools.train light2 --data characters --time-budget 10m
  python -m tools.train nano_resnet --epochs 200 --cutmix 0.5 --ema 0.999        on a GPU
  python -m tools.train --resume runs/nano_resnet_s
  python -m tools.train report_cnn --recipe report --epochs 300                 like the original report
"""

# Recipes are defaults for other options, instead of the network's; options on the command line override them.
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

SHARE = number(float, 0, 0.9, "a share")
RATE = number(float, 1e-9, 1e3, "a rate")
FACTOR = number(float, 0, 1000, "a factor")
PIXELS = number(int, 8, 1024, "pixels")
ALPHA = number(float, 0, 1, "alpha")
DECAY = number(float, 0, 1, "a decay")
BOUNDARIES = "of piecewise: steps at which the rate falls tenfold; with a time budget, ten-thousandths of it"
SNAPSHOTS = (
    "N cosine cycles in the epochs, and a model from the end of each: the output NAME.onnx is the last one, the others "
    "are NAME-1.onnx and so on; their accuracy together is measured too; replaces --schedule"
)

# Options by group: name, type or choices, default, metavar, help, and how the help shows the default where it differs.
GROUPS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "how long": (
        ("--epochs", number(int, 1, 100000, "epochs"), None, "N", "passes over the training set", DEFAULT_EPOCHS),
        ("--time-budget", duration, None, "TIME", "train for 90s, 10m or 2h, with a schedule by the clock", "none"),
        ("--snapshots", number(int, 2, 1000, "snapshots"), None, "N", SNAPSHOTS, "none"),
        ("--batch", number(int, 1, 8192, "a batch"), 128, "N", "images per batch"),
        ("--limit", number(int, 100, 10**7, "images"), None, "N", "use only N images of the training set", "all"),
        ("--validation", SHARE, 0.1, "SHARE", "share of the training set to validate on; not of characters"),
        ("--seed", number(int, 0, 2**31 - 1, "a seed"), 0, "N", "random seed"),
    ),
    "transfer learning": (
        ("--freeze", frozen, 0, "SHARE|N", "layers to leave as they are: a share up to 1, or the first N", "0"),
        ("--probe", number(int, 0, 1000, "epochs"), 0, "N", "train the last layer alone first, for N epochs", "0"),
    ),
    "pictures": (
        ("--size", PIXELS, None, "N", "stretch pictures to N x N pixels, inside the network", "the network's own"),
        ("--small-first", PIXELS, None, "N", "shrink pictures to N x N pixels early in the run", "no"),
        ("--small-share", SHARE, 0.5, "SHARE", "share of the run with small pictures"),
        ("--classes", str, None, "CHARACTERS", "of characters: those to tell apart", "52 of them"),
    ),
    "optimiser": (
        ("--optimiser", OPTIMISERS, "nesterov", None, "optimiser"),
        ("--lr", RATE, None, "RATE", "peak learning rate", "the network's; 0.001 for adaptive optimisers"),
        ("--momentum", number(float, 0, 0.9999, "a momentum"), 0.9, "M", "momentum of SGD and RMSprop"),
        ("--weight-decay", DECAY, 0.005, "DECAY", "decay of the kernels per step, times the learning rate"),
        ("--schedule", SCHEDULES, "one-cycle", None, "learning-rate schedule"),
        ("--warm-up", SHARE, 0.0, "SHARE", "share of the run in which the rate rises from 0", "0"),
        ("--decay-rate", RATE, 0.1, "RATE", "of step, exponential and 1/t"),
        ("--boundaries", growing_steps, [10000, 25000, 40000], "STEP,...", BOUNDARIES, "10000,25000,40000"),
        ("--step-epochs", RATE, 10.0, "N", "of step: epochs between falls", "10"),
        ("--stem-rate", FACTOR, 1.0, "FACTOR", "of the learning rate, for the first convolution", "1"),
        ("--body-rate", FACTOR, 1.0, "FACTOR", "of the learning rate, between first convolution and logits", "1"),
        ("--bias-rate", FACTOR, 1.0, "FACTOR", "of the learning rate, for biases below the logits", "1"),
        ("--ema", number(float, 0, 0.99999, "a momentum"), 0.99, "M", "momentum of the weights' average, 0 for none"),
        ("--precision", PRECISIONS, "auto", None, "number format", "auto: mixed where the machine supports it"),
    ),
    "regularisation and augmentation": (
        ("--label-smoothing", SHARE, 0.1, "SHARE", "share of a label spread over all classes"),
        ("--dropout", SHARE, None, "SHARE", "share of activations to drop", "the network's own"),
        ("--drop-connect", SHARE, None, "SHARE", "share of the last layer's weights to drop", "0"),
        ("--stochastic-depth", SHARE, None, "SHARE", "how often the last residual block is left out", "0"),
        ("--crop", number(int, 0, 16, "pixels"), 4, "N", "pad by N pixels and crop at random"),
        ("--scales", number(float, 0.05, 1, "a share"), 1.0, "SHARE", "crop a share of the area from SHARE to 1", "1"),
        ("--rotate", number(float, 0, 180, "degrees"), 0.0, "DEGREES", "rotate by up to +-DEGREES", "0"),
        ("--zoom", SHARE, 0.0, "SHARE", "stretch height and width by up to 1 +- SHARE", "0"),
        ("--shear", SHARE, 0.0, "SHARE", "slant by up to +-SHARE", "0"),
        ("--elastic", number(float, 0, 10, "pixels"), 0.0, "N", "warp by a smooth field of about N pixels", "0"),
        ("--stroke", SHARE, 0.0, "SHARE", "of the images get thicker or thinner strokes", "0"),
        ("--jitter", SHARE, 0.0, "SHARE", "vary brightness, contrast and saturation", "0"),
        ("--erase", SHARE, 0.0, "SHARE", "largest share of the picture to erase", "0"),
        ("--mixup", ALPHA, 0.0, "ALPHA", "alpha of MixUp", "0, none"),
        ("--cutmix", ALPHA, 0.0, "ALPHA", "alpha of CutMix", "0, none"),
    ),
}


def make_parser() -> Parser:
    """The parser of `tools.train`."""
    parser = Parser(prog="python -m tools.train", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument("model", nargs="?", choices=MODELS, metavar="MODEL", help="network: " + ", ".join(MODELS))
    data_help = "cifar-100, characters, or a folder or archive with one of them (default: what the network is for)"
    parser.add_argument("--data", metavar="DATA", help=data_help)
    parser.add_argument("--run", metavar="DIR", help="folder for log, curves and checkpoints (default: runs/MODEL)")
    parser.add_argument("--resume", metavar="DIR", help="continue this run with its own options (default: a new run)")
    parser.add_argument("--output", metavar="FILE", help="the .onnx file to write (default: in the run's folder)")
    from_help = "folder with the pretrained weights (default: weights/, where tools.fetch puts them)"
    parser.add_argument("--from", dest="place", metavar="DIR", help=from_help)
    half_help = "store the weights in half precision: half the file, computed with in single precision as before"
    parser.add_argument("--half", action="store_true", help=half_help)
    recipe_help = "defaults of the options below: this project's own, or the original report's (default: own)"
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="own", help=recipe_help)
    for title, options in GROUPS.items():
        group = parser.add_argument_group(title)
        for name, kind, default, metavar, text, *shown in options:
            what = {"choices": kind} if isinstance(kind, tuple) else {"type": kind, "metavar": metavar}
            text = f"{text} (default: {shown[0] if shown else default})"
            group.add_argument(name, default=default, help=text, **what)
    pooling_help = "shrink by fractional max pooling instead of strides (default: no)"
    group.add_argument("--fractional-pooling", action="store_true", default=None, help=pooling_help)
    norm_help = "leave all batch norms as they are; as --freeze does in its layers (default: no)"
    group.add_argument("--freeze-norm", action=argparse.BooleanOptionalAction, default=False, help=norm_help)
    flip_help = "mirror images left to right in every second epoch (default: yes, but for characters)"
    group.add_argument("--flip", action=argparse.BooleanOptionalAction, default=True, help=flip_help)
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The complete options of a new run, or only the folder of one to resume. Raises UsageError for contradictions."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    if args.resume is not None:
        if len(arguments) > (1 if arguments[0].startswith("--resume=") else 2):
            raise UsageError("--resume: continues with the options of the run; give no others")
        return args
    if args.model is None:
        raise UsageError(f"choose a model: {', '.join(MODELS)}; or a run to --resume")
    network = NETWORKS[args.model]
    given = RECIPES[args.recipe]
    rate = network.defaults.get("lr", SGD_RATE)
    parser.set_defaults(**{"data": network.data, **(given or network.defaults), "lr": None})
    args = parser.parse_args(arguments)
    typed = _typed(arguments)
    if {"epochs", "time_budget"} <= typed:
        raise UsageError("--epochs and --time-budget: give only one of them")
    args.epochs = None if args.time_budget is not None else args.epochs or DEFAULT_EPOCHS
    if args.output is not None and not args.output.endswith(".onnx"):
        raise UsageError(f"--output {args.output}: should end in .onnx")
    if args.size is not None and "small_first" not in typed:
        args.small_first = None  # a network that stretches its pictures takes one size of them
    if "validation" in typed and is_characters(args.data):
        raise UsageError("--validation: characters have a validation part of their own; leave it out")
    if "flip" not in typed and is_characters(args.data):
        args.flip = False  # a mirrored character is another one, or none
    if args.snapshots is not None:
        settle_cycles(args, typed)
    if args.lr is None:
        same_kind = (args.optimiser in ADAPTIVE) == (network.defaults.get("optimiser") in ADAPTIVE)
        args.lr = given.get("lr") or (rate if same_kind else ADAPTIVE_RATE if args.optimiser in ADAPTIVE else SGD_RATE)
    return args


def _typed(arguments: Sequence[str]) -> set[str]:
    """The names of the options that are on the command line."""
    parser = make_parser()
    parser.set_defaults(**{action.dest: None for action in parser._actions if action.dest != "help"})
    return {name for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
