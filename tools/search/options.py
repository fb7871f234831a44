"""The command line of `tools.search`."""

import argparse
import os
import re
import shlex
from collections.abc import Sequence

from app.command import Parser, number
from app.errors import UsageError
from tools.search.space import METHODS, MOST_TRIALS, presets
from tools.train.options import MODELS

DESCRIPTION = """Search good settings for tools.train: each trial is a training of its own, with its own folder.

Trials are compared by top-1 on the validation images after their last epoch. They are queued once in the study's
database; workers take from it, here or, with --storage and --join, on other machines. A worker may be killed at any
moment: its trial is done again, from its last epoch where its folder is at hand. Options after -- go to all trainings.
"""

EXAMPLES = """examples:
  python -m tools.search --space report                                          a preset, with its own network
  python -m tools.search report_fast --space my-space.toml --method tpe --trials 30 --workers 2
  python -m tools.search --space report --storage postgresql://user:password@host/database
  python -m tools.search --join --study report --storage postgresql://user:password@host/database
"""

USAGE = "python -m tools.search [MODEL] --space FILE|PRESET [options] [-- options of tools.train]"
NEW = ("model", "space", "method", "trials", "seed", "heartbeat", "grace")  # options that only a new study takes


TRIALS = number(int, 1, MOST_TRIALS, "trials")
WORKERS = number(int, 1, 256, "workers")
SEED = number(int, 0, 2**31 - 1, "a seed")
HEARTBEAT = number(int, 1, 3600, "a heartbeat")
GRACE = number(int, 2, 86400, "a grace")
WORKERS_HELP = "trainings at a time on this machine, which share its cores (default: %(default)s)"
PRUNE_HELP = (
    "train every draw to its end; else one that after an epoch is worse than the median of those before it ends there "
    "(settings with names or with seeds never do)"
)
GRACE_HELP = (
    "seconds without a sign of life after which a trial is done again; for half of them a worker waits for a database "
    "that does not answer (default: 3 times --heartbeat)"
)


def make_parser() -> Parser:
    """The parser of `tools.search`."""
    parser = Parser(prog="python -m tools.search", usage=USAGE, description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument("model", nargs="?", choices=MODELS, metavar="MODEL", help="network: " + ", ".join(MODELS))
    parser.add_argument("--space", metavar="FILE", help=f"what to search: a .toml file, or {', '.join(presets())}")
    parser.add_argument("--method", choices=METHODS, help="how (default: the space file's, else random)")
    parser.add_argument(
        "--trials", type=TRIALS, metavar="N", help="draws to train (default: the space file's, else 60)"
    )
    parser.add_argument("--workers", type=WORKERS, default=1, metavar="N", help=WORKERS_HELP)
    parser.add_argument("--seed", type=SEED, metavar="N", help="seed of the draws, not of the trainings (default: 0)")
    parser.add_argument("--no-prune", action="store_false", dest="prune", default=True, help=PRUNE_HELP)
    group = parser.add_argument_group("the study")
    group.add_argument("--study", metavar="NAME", help="its name (default: the space file's)")
    group.add_argument("--storage", metavar="URL", help="its database (default: a file in its folder)")
    group.add_argument("--run", metavar="DIR", help="its folder on this machine (default: runs/search/NAME)")
    group.add_argument("--join", action="store_true", help="work on a study that exists, with its own settings")
    group.add_argument("--heartbeat", type=HEARTBEAT, metavar="S", help="seconds between signs of life (default: 60)")
    group.add_argument("--grace", type=GRACE, metavar="S", help=GRACE_HELP)
    parser.add_argument("--trainer", help=argparse.SUPPRESS)  # for tests: what is run instead of tools.train
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The complete options, with `extra`: what follows `--`. Raises UsageError for contradictions."""
    given = list(arguments)
    split = given.index("--") if "--" in given else len(given)
    args = make_parser().parse_args(given[:split])
    args.extra = given[split + 1 :]
    if args.join:
        for name in NEW:
            if getattr(args, name) is not None:
                raise UsageError(f"--join: works with the study's own settings; leave out {_spelled(name)}")
        if args.extra or not args.prune:
            raise UsageError("--join: works with the study's own settings; leave out --no-prune and what follows --")
        if args.study is None:
            raise UsageError("--join: needs --study NAME")
    elif args.space is None:
        raise UsageError(f"--space: give a .toml file or one of {', '.join(presets())}; or --join a study")
    if args.study is None:
        args.study = os.path.splitext(os.path.basename(args.space))[0]
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", args.study):
        raise UsageError(f"--study {args.study}: should be of letters, digits, '.', '-' and '_', at most 100")
    args.trainer = shlex.split(args.trainer or "")
    args.seed = args.seed or 0
    args.heartbeat = args.heartbeat or 60
    args.grace = args.grace or 3 * args.heartbeat
    if args.grace < 2 * args.heartbeat:
        raise UsageError(f"--grace {args.grace}: should be twice --heartbeat or more, or living workers count as lost")
    args.run = args.run or os.path.join("runs", "search", args.study)
    return args


def _spelled(name: str) -> str:
    return "MODEL" if name == "model" else "--" + name
