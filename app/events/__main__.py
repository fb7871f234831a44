"""List and export the events that `app.detect --store` keeps, also while it runs."""

import argparse
import re
import sys
import time
from itertools import islice
from typing import Callable, List, Optional, Sequence

from app import __version__
from app.command import Parser, exit_code, leave, number, print_lines
from app.errors import SourceError
from app.events.arguments import STORE
from app.events.reader import Filter, Reader
from app.events.table import csv_lines, details, json_lines, table

MOST_LISTED = 50
BATCH = 500  # lines that are printed at once

EXAMPLES = """examples:
  python -m app.events list --since 8:00
  python -m app.events list --camera yard --label person --since 2d
  python -m app.events show 1732871221.250-k3v9qa
  python -m app.events export --zone drive --since '2026-11-01' --until '2026-12-01' --format csv > november.csv

A time is HH:MM of today, YYYY-MM-DD, 'YYYY-MM-DD HH:MM', or how long ago, as 90m, 12h or 7d; in this machine's zone.
"""

_AGO = re.compile(r"(\d{1,6}(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def read_time(text: str, now: Callable[[], float] = time.time) -> float:
    """A time as people write it, in seconds since 1970. Raises argparse.ArgumentTypeError."""
    match = _AGO.fullmatch(text)
    if match is not None:
        return now() - float(match.group(1)) * _UNITS[match.group(2)]
    today = time.strftime("%Y-%m-%d", time.localtime(now()))
    for written in (text, f"{today} {text}"):
        for form in _FORMS:
            try:
                return time.mktime(time.strptime(written, form))
            except (ValueError, OverflowError):
                pass
    raise argparse.ArgumentTypeError(f"should be as 8:00, 2026-11-29, '2026-11-29 8:00' or 7d, is {text}")


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="python -m app.events", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help="list, show or export")
    commands.required = True  # as an argument it came with Python 3.7
    for name, what in (
        ("list", "Print the newest events as a table."),
        ("show", "Print all that is known of one event."),
        ("export", "Print all events for other programs."),
    ):
        one = commands.add_parser(name, description=what, epilog=EXAMPLES)
        one.add_argument("--store", metavar="DIR", default=STORE, help="the folder (default: %(default)s)")
        if name == "show":
            one.add_argument(
                "id", metavar="ID", help="of the event, or its begin or its end as long as only one has it"
            )
            continue
        one.add_argument("--camera", metavar="NAME", help="only of this camera")
        one.add_argument("--label", metavar="LABEL", help="only of things of this class")
        one.add_argument("--zone", metavar="NAME", help="only of what was in this zone")
        one.add_argument("--since", type=read_time, metavar="TIME", help="only what began then or later")
        one.add_argument("--until", type=read_time, metavar="TIME", help="only what began before")
        if name == "list":
            count = number(int, 1, 10**6, "a number")
            one.add_argument(
                "--most", type=count, metavar="N", default=MOST_LISTED, help="how many (default: %(default)s)"
            )
        else:
            one.add_argument(
                "--format", choices=("json", "csv"), default="json", help="how to write them (default: %(default)s)"
            )
    return parser


def run(args: argparse.Namespace) -> None:
    """Do what the arguments say. Raises SourceError."""
    with Reader(args.store) as reader:
        if args.command == "show":
            incident = reader.find(args.id)
            if incident is None:
                raise SourceError(f"{args.store}: no event, or more than one, is called {args.id}; see app.events list")
            print_lines(details(incident, args.store))
            return
        wanted = Filter(args.camera, args.label, args.zone, args.since, args.until)
        if args.command == "list":
            found = reader.newest(wanted, args.most)
            print_lines(table(found) if found else ["no events"])
            return
        lines = (json_lines if args.format == "json" else csv_lines)(reader.all(wanted))
        while True:
            batch: List[str] = list(islice(lines, BATCH))
            if not batch:
                return
            print_lines(batch)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: run(make_parser().parse_args(sys.argv[1:] if argv is None else argv)))


if __name__ == "__main__":
    leave(main())
