"""What makes an event: which things, where, how sure, and when."""

import argparse
import re
import time
from typing import Any, Callable, Collection, List, NamedTuple, Sequence, Tuple

DAY = 24 * 60  # minutes

Hours = Tuple[int, int]  # from and to, in minutes since midnight; to may be the smaller one

_HOURS = re.compile(r"(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)")


class Rules(NamedTuple):
    """What makes an event of a camera.

    classes: labels, none for all. places: zones and lines, of which one has to be entered or crossed; none for
    anywhere. score: the best one has to be so high. quiet: hours of the day in which no event begins. cool_down:
    seconds after the begin of an event in which what comes of the same label makes none.
    """

    classes: Sequence[str] = ()
    places: Sequence[str] = ()
    score: float = 0.0
    quiet: Sequence[Hours] = ()
    cool_down: float = 0.0

    def want(self, label: str, score: float, places: Collection[str]) -> bool:
        """Whether a thing of this label and best score that has been in these zones and over these lines counts."""
        if self.classes and label not in self.classes:
            return False
        return score >= self.score and (not self.places or any(place in places for place in self.places))

    def are_quiet(self, wall: float, local: Callable[[float], Any] = time.localtime) -> bool:
        """Whether it is a quiet hour. wall: seconds since 1970. local: what makes a local time of it."""
        if not self.quiet:
            return False
        at = local(wall)
        minute = 60 * at.tm_hour + at.tm_min
        return any((minute - start) % DAY < (end - start) % DAY for start, end in self.quiet)


def read_hours(text: str) -> List[Hours]:
    """HH:MM-HH:MM, several of them separated by commas, as 22:00-06:00. Raises ValueError."""
    found = []
    for part in text.split(","):
        match = _HOURS.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"should be hours as 22:00-06:00, several separated by commas, is {text}")
        hour, minute, last_hour, last_minute = map(int, match.groups())
        start, end = 60 * hour + minute, 60 * last_hour + last_minute
        if minute > 59 or last_minute > 59 or start > DAY or end > DAY or start % DAY == end % DAY:
            raise ValueError(f"should be two different times from 0:00 to 24:00, is {part.strip()}")
        found.append((start % DAY, end % DAY))
    return found


def rules_of(options: argparse.Namespace) -> Rules:
    """The rules of a camera's options."""
    return Rules(
        options.event_classes or (),
        options.event_zones or (),
        max(options.event_score, options.conf),  # a track may be followed, and even begin, with less
        read_hours(options.quiet_hours) if options.quiet_hours else (),
        options.cool_down,
    )
