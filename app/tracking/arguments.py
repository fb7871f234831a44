"""The options of `app.detect` that are about tracking. What they name is read only where they are given."""

import argparse
from typing import Any, Callable

from app.command import number
from app.errors import UsageError

IMPLY = ("line", "zone", "events", "totals")  # options that need --track, and so bring it

MOST_EVERY = 10000


def add_tracking(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser. Lines, zones and masks stay the texts that were given, once they have been read."""
    group = parser.add_argument_group(
        "tracking",
        "A point is x,y in pixels of the frame, or in shares of it, as 10%,50%. --line, --zone and --mask may be\n"
        "repeated. --line, --zone, --events and --totals imply --track.",
    )
    add = group.add_argument
    add(
        "--track",
        action="store_true",
        help="give each thing a number that it keeps from frame to frame; to keep hold of it, scores down to 0.1 are "
        "looked at, but what is reported still has --conf or more",
    )
    add(
        "--detect-every",
        type=_every,
        metavar="N",
        help="infer every Nth frame; in the others the boxes follow what is in them; auto: infer as many frames of a "
        "camera as the model can, and show all of them (default: every frame that is looked at)",
    )
    add(
        "--motion",
        action="store_true",
        help="infer no frame in which nothing has moved since the last inference, but for one every few seconds",
    )
    add(
        "--line",
        type=_place("read_line"),
        action="append",
        metavar="NAME:x,y-x,y",
        help="count what crosses this line; in is from its left to its right, seen from its first point to its second",
    )
    add(
        "--line-names",
        type=_place("read_names"),
        metavar="in,out",
        help="names of the two directions of lines (default: in,out)",
    )
    add(
        "--zone",
        type=_place("read_zone"),
        action="append",
        metavar="NAME:x,y-x,y-x,y",
        help="note what is in this zone, and for how long",
    )
    add(
        "--mask",
        type=_place("read_mask"),
        action="append",
        metavar="NAME:x,y-x,y-x,y[:ignore|black]",
        help="report nothing whose bottom centre is in there; with :black the picture is black there, too, before "
        "anything looks at it or records it; needs no --track",
    )
    add(
        "--anchor",
        choices=("bottom", "centre", "top"),
        default="bottom",
        help="the point of a box that crosses lines and is in zones (default: the middle of its bottom edge)",
    )
    seconds = number(float, 0, 10**6, "a time")
    add(
        "--inertia",
        type=seconds,
        metavar="SECONDS",
        default=0.5,
        help="how long a thing is in a zone before it has entered, or out before it has left (default: %(default)s)",
    )
    add("--loiter", type=seconds, metavar="SECONDS", help="in a zone for so long, it loiters (default: never)")
    add(
        "--mix-classes",
        action="store_true",
        help="a thing may change its class, as a truck that is also taken for a car (default: it never does)",
    )
    add(
        "--events",
        metavar="FILE",
        help="write a JSON line whenever something appears, vanishes, crosses a line, enters, leaves or loiters; - and "
        "{camera} as for --jsonl",
    )
    add(
        "--totals",
        metavar="FILE",
        help="keep the totals of the lines in this file, so that a restart counts on (default: of a camera beside "
        "--events FILE.jsonl as FILE.CAMERA.totals.json, of a film nowhere)",
    )


def _every(text: str) -> str:
    """An argparse type: `auto` or a number, as it was given."""
    if text != "auto" and not (text.isdecimal() and 1 <= int(text) <= MOST_EVERY):
        raise argparse.ArgumentTypeError(f"should be auto or from 1 to {MOST_EVERY}, is {text}")
    return text


def _place(reader: str) -> Callable[[str], str]:
    """An argparse type: the text itself, if that function of `app.tracking.places` can read it."""

    def read(text: str) -> str:
        from app.tracking import places  # here, since most runs have none

        function: Any = getattr(places, reader)
        try:
            function(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error))
        return text

    return read
