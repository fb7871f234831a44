"""Runs the program for as long, and treats it as badly, as a user would, and says whether it bore it.

  faults     cameras that fail in every way, over and over: real servers for HTTP and RTSP, and the real command
  memory     an hour of frames in a few minutes: does the memory grow?
  overload   a camera that is three times as fast as the detector: how old is what is on the screen?
  kill       kill -9 in the middle of a recording: what is lost?

Each prints what was asked and what was measured, and ends with 1 if something was not reached.
"""

import argparse
import json
from typing import List, Optional, Sequence

from app.command import Parser, exit_code, leave, number
from app.files import check_writable, write_file
from tools.soak import faults, kill, memory, overload
from tools.soak.figure import Figure

EXAMPLES = """examples:
  python -m tools.soak faults --cam street.mp4
  python -m tools.soak memory --frames 100000
  python -m tools.soak overload --seconds 60
  python -m tools.soak kill --kills 50 --cam street.mp4
"""


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="python -m tools.soak", description=__doc__, epilog=EXAMPLES)
    count = number(int, 1, 10**9, "a number")
    soaks = parser.add_subparsers(dest="soak", metavar="SOAK", required=True)
    for name, soak, option, kind, default in (
        ("faults", faults.soak, "--faults", count, 200),
        ("memory", memory.soak, "--frames", count, 100000),
        ("overload", overload.soak, "--seconds", number(float, 5, 10**6, "a time"), 60.0),
        ("kill", kill.soak, "--kills", count, 50),
    ):
        one = soaks.add_parser(name)
        one.add_argument(option, type=kind, default=default, help="(default: %(default)s)")
        if name in ("faults", "kill"):
            one.add_argument("--cam", metavar="FILE", required=True, help="a video, which the cameras show")
            one.add_argument("--seed", type=int, default=0, help="of what is chance (default: %(default)s)")
        one.add_argument("--report", metavar="FILE", help="write the figures as JSON")
        one.set_defaults(run=soak)
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    figures: List[Figure] = []

    def work() -> None:
        args = make_parser().parse_args(argv)
        if args.report is not None:
            check_writable(args.report)
        figures.extend(args.run(args))
        for figure in figures:
            print(figure.line())
        if args.report is not None:
            write_file(args.report, (json.dumps([figure._asdict() for figure in figures], indent=2) + "\n").encode())

    return exit_code(work) or int(not all(figure.reached for figure in figures))


if __name__ == "__main__":
    leave(main())
