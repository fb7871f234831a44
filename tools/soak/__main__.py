"""Stress-test the program, and check what it must withstand.

  faults     HTTP and RTSP cameras that fail in every way, again and again, on real servers
  memory     an hour of frames in a few minutes: does memory grow?
  overload   a camera three times as fast as the detector: how old are the pictures on the screen?
  viewers    pages in a browser, over a slow link, of many cameras: how old is what they see, and what do they cost?
  events     events while broker and webhook fail, and the program is killed: is each told once?
  kill       kill -9 in the middle of a recording: what is lost?
  disk       segments on a small disk that fills: what is kept, and what is not touched?
  clips      events, and kill -9 in the middle of them: does each clip have what it should?
  files      thousands of damaged pictures, films and streams: is each read, or refused with the true reason?

Each prints what was measured and what is required, and exits with 1 if a requirement is not met.
"""

import argparse
import json
from typing import List, Optional, Sequence

from app.command import Parser, exit_code, leave, number, print_lines
from app.files import check_writable, reject_overwrites, write_file
from tools.soak import clips, disk, events, faults, kill, memory, overload
from tools.soak.figure import Figure, as_text
from tools.soak.files import run as files
from tools.soak.viewers import run as viewers

EXAMPLES = """examples:
  python -m tools.soak faults --cam street.mp4
  python -m tools.soak faults --cam street.mp4 --together
  python -m tools.soak memory --frames 100000 --cameras 3
  python -m tools.soak overload --seconds 60
  python -m tools.soak viewers --seconds 60
  python -m tools.soak viewers --only painted slow --seconds 1800
  python -m tools.soak events --events 200
  python -m tools.soak events --events 500 --kills 50
  python -m tools.soak kill --kills 50 --cam street.mp4 --cameras 3
  python -m tools.soak disk --segments 1000
  python -m tools.soak clips --events 200 --kills 50
  python -m tools.soak files --files 300
  python -m tools.soak files --only jpeg:12 --keep damaged
"""


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="python -m tools.soak", description=__doc__, epilog=EXAMPLES)
    count = number(int, 1, 10**9, "a number")
    soaks = parser.add_subparsers(
        dest="soak", metavar="TEST", required=True, help="faults, memory, overload, viewers, kill, disk, clips or files"
    )
    for name, module, option, kind, default, what in (
        ("faults", faults, "--faults", count, 200, "number of faults, half of them for each camera"),
        ("memory", memory, "--frames", count, 100000, "number of frames to process"),
        ("overload", overload, "--seconds", number(float, 5, 10**6, "a time"), 60.0, "how long to run"),
        ("viewers", viewers, "--seconds", number(float, 1, 10**6, "a time"), 60.0, "how long to measure each"),
        ("events", events, "--events", count, 200, "number of events"),
        ("kill", kill, "--kills", count, 50, "number of recordings to kill"),
        ("disk", disk, "--segments", count, 1000, "number of segments, once with a quota and once without"),
        ("clips", clips, "--events", count, 200, "number of events"),
        ("files", files, "--files", count, 300, "number of files of each kind"),
    ):
        one = soaks.add_parser(name, description=module.__doc__, epilog=EXAMPLES)
        one.add_argument(option, type=kind, default=default, metavar="N", help=what + " (default: %(default)s)")
        if name in ("faults", "kill"):
            one.add_argument("--cam", metavar="FILE", required=True, help="a video file to film (required)")
            one.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: %(default)s)")
        if name in ("memory", "kill"):
            cameras = number(int, 1, 16, "a number")
            one.add_argument(
                "--cameras", type=cameras, default=1, metavar="N", help="film so many at once (default: 1)"
            )
        if name == "clips":
            kills = number(int, 0, 10**6, "a number")
            one.add_argument(
                "--kills", type=kills, default=50, metavar="N", help="number of kills (default: %(default)s)"
            )
        if name in ("files", "faults", "viewers", "events"):
            module.add_options(one)
        one.add_argument("--report", metavar="FILE", help="write the figures as JSON (default: print them only)")
        one.set_defaults(run=module.soak)
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    figures: List[Figure] = []

    def work() -> None:
        args = make_parser().parse_args(argv)
        if args.report is not None:
            reject_overwrites([("--report", args.report)], [args.cam] if getattr(args, "cam", None) else [])
            check_writable(args.report)
        figures.extend(args.run(args))
        if args.report is not None:
            write_file(args.report, (json.dumps([figure._asdict() for figure in figures], indent=2) + "\n").encode())
        print_lines([as_text(figures)])

    return exit_code(work) or int(not all(figure.reached for figure in figures))


if __name__ == "__main__":
    leave(main())
