"""Zones that things are in: who is inside, how long each stays, and when it enters and leaves."""

from typing import Dict, Iterator, List, Optional, Sequence, Tuple

Point = Tuple[float, float]
INERTIA = 0.5  # seconds


def contains(corners: Sequence[Point], point: Point) -> bool:
    """Whether a point lies in a polygon: a ray from it to the right meets an odd number of sides."""
    x, y = point
    inside = False
    before_x, before_y = corners[-1]
    for corner_x, corner_y in corners:
        # Each side has its upper end and not its lower one, so that a ray through a corner counts once.
        if (corner_y > y) != (before_y > y):
            inside ^= x < corner_x + (before_x - corner_x) * (y - corner_y) / (before_y - corner_y)
        before_x, before_y = corner_x, corner_y
    return inside


class Stay:
    """A thing in a zone, or about to enter or leave. Times in seconds.

    since, until: first and last time inside. outside: since when it is out, None while it is in. entered: whether it
    has been in for long enough to count.
    """

    __slots__ = ("since", "until", "outside", "entered", "loitered")

    def __init__(self, time: float) -> None:
        self.since = self.until = time
        self.outside: Optional[float] = None
        self.entered = self.loitered = False


class Zone:
    """A polygon, and the tracks whose anchor is in it.

    corners: in pixels. inertia: how many seconds a thing has to be inside before it has entered, and outside before it
    has left. loitering: after how many seconds inside it loiters; 0: never.
    """

    def __init__(self, name: str, corners: Sequence[Point], inertia: float = INERTIA, loitering: float = 0.0) -> None:
        self.name = name
        self.corners = list(corners)
        self.inertia = inertia
        self.loitering = loitering
        self._stays: Dict[int, Stay] = {}

    def update(self, track: int, anchor: Point, time: float) -> Iterator[Tuple[str, float]]:
        """Note where a track is; yields the events that follow: `enter`, `loiter`, `leave`, and the seconds inside."""
        stay = self._stays.get(track)
        if contains(self.corners, anchor):
            if stay is None:
                stay = self._stays[track] = Stay(time)
            stay.until, stay.outside = time, None
            if not stay.entered and time - stay.since >= self.inertia:
                stay.entered = True
                yield "enter", time - stay.since
            if stay.entered and not stay.loitered and 0 < self.loitering <= time - stay.since:
                stay.loitered = True
                yield "loiter", time - stay.since
        elif stay is not None:
            if stay.outside is None:
                stay.outside = time
            if not stay.entered or time - stay.outside >= self.inertia:
                yield from self.forget(track)

    def forget(self, track: int) -> List[Tuple[str, float]]:
        """Drop a track that has vanished: its `leave` and the seconds inside, if it had entered."""
        stay = self._stays.pop(track, None)
        return [("leave", stay.until - stay.since)] if stay is not None and stay.entered else []

    def continue_from(self, before: "Zone") -> None:
        """Take over what is inside another zone. What is outside of this one will leave."""
        self._stays = before._stays

    def inside(self, time: float) -> Dict[int, float]:
        """The tracks that have entered and not left, and for how many seconds each has been inside.

        Another thread may update meanwhile.
        """
        return {track: time - stay.since for track, stay in list(self._stays.items()) if stay.entered}
