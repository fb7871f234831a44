"""The options of `app.detect` that are about events. What they name is imported only where one of them is given."""

import argparse
from typing import List

from app.command import number

STORE = "runs/store"  # where events are kept if nothing else is said
IMPLY = ("store", "mqtt", "webhook", "on_event")  # options of a run that need a store, and so bring it
CAMERAS_IMPLY = ("clips", "event_classes", "event_zones", "event_score", "quiet_hours", "cool_down")  # of a camera
MOST_EVENTS = 20000


def add_events(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser. Hours stay the text that was given, once it has been read."""
    group = parser.add_argument_group(
        "events",
        "One for each thing that was seen, from its first sighting to its last, with its best picture. All of these,\n"
        "--clips, --mqtt, --webhook and --on-event imply --store, and that implies --track.",
    )
    add = group.add_argument
    add(
        "--store",
        metavar="DIR",
        help=f"keep the events, their pictures and clips in this folder, as python -m app.events lists them (default: "
        f"{STORE} where another option needs it)",
    )
    add("--event-classes", type=_names, metavar="A,B", help="only these labels make an event (default: all)")
    add(
        "--event-zones",
        type=_names,
        metavar="A,B",
        help="only what enters one of these zones, or crosses one of these lines, makes an event (default: everything)",
    )
    add(
        "--event-score",
        type=number(float, 0, 1, "a threshold"),
        metavar="SCORE",
        default=0.0,
        help="only what has reached this score makes an event (default: that of --conf)",
    )
    add(
        "--quiet-hours",
        type=_hours,
        metavar="HH:MM-HH:MM",
        help="hours of the day in which no event begins, several separated by commas; what is still there afterwards "
        "makes one then (default: none)",
    )
    add(
        "--cool-down",
        type=number(float, 0, 10**6, "a time"),
        metavar="SECONDS",
        default=0.0,
        help="after the begin of an event, for so long nothing of the same label makes another (default: %(default)s)",
    )
    add(
        "--keep-events",
        type=number(int, 1, 10**9, "a number"),
        metavar="N",
        default=MOST_EVENTS,
        help="how many events to keep, and their pictures; the oldest go first (default: %(default)s)",
    )


def _names(text: str) -> List[str]:
    return [part.strip() for part in text.split(",")]


def _hours(text: str) -> str:
    from app.events.rules import read_hours  # here, since most runs have none

    try:
        read_hours(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))
    return text
