"""Recordings and clips: turn them into films that phones and browsers play. See `python -m app.clips --help`."""

import sys
from typing import List, Optional, Sequence

from app.command import Parser, exit_code, print_lines
from app.errors import NanoyoloError, UsageError, say
from app.files import make_folder

DESCRIPTION = "Convert recordings, clips and time-lapses to MP4 or WebM, which phones and browsers play."
EXAMPLES = """examples:
  python -m app.clips convert runs/store/clips/cam0/2026-11-29/14-00-00.mkv
  python -m app.clips convert runs/store/clips/cam0/2026-11-29/*.mkv --to films
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser(prog="python -m app.clips", description=DESCRIPTION, epilog=EXAMPLES)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help="convert")
    commands.required = True  # Python 3.6 does not take it as an argument
    one = commands.add_parser("convert", description=DESCRIPTION, epilog=EXAMPLES)
    one.add_argument("files", nargs="+", metavar="FILE", help="a recording of this program, .mkv")
    one.add_argument("--to", metavar="DIR", help="folder of the new files (default: beside each)")
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code. One file that fails leaves the others to be done."""
    failures: List[NanoyoloError] = []

    def work() -> None:
        args = make_parser().parse_args(argv)
        from app.clips.convert import convert

        if args.to is not None:
            make_folder(args.to)
        for path in args.files:
            try:
                print_lines([convert(path, args.to)])
            except UsageError:
                raise
            except NanoyoloError as error:
                failures.append(error)
                if len(args.files) > 1:
                    say(f"error: {error}")
        if failures and len(args.files) == 1:
            raise failures[0]

    code = exit_code(work)
    return code or (failures[0].exit_code if failures else 0)


if __name__ == "__main__":
    sys.exit(main())
