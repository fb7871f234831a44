"""Lines, zones and masks as they are written in options and configuration files.

    door:100,200-400,200                  two points: a line
    yard:10%,50%-90%,50%-90%,100%         three or more: a zone
    street:0,0-300,0-300,80:black         a mask, see MASKS

A coordinate is in pixels of the frame, or a share of its width or height.
"""

import re
from typing import List, NamedTuple, Sequence, Tuple

from app.errors import UsageError
from app.tracking.lines import DIRECTIONS, Line
from app.tracking.zones import INERTIA, Zone

MASKS = ("ignore", "black")  # nothing is reported there; the picture is black there, too
NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")  # fits into a topic of MQTT, a label of a metric and an address
COORDINATE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(%?)")
MOST_CORNERS = 100

Size = Tuple[int, int]
Point = Tuple[float, float]


class Place(NamedTuple):
    """A name and points. Each coordinate is a number, and whether it is a percentage."""

    name: str
    points: Sequence[Sequence[Tuple[float, bool]]]

    @property
    def mixed(self) -> bool:
        """Whether it has both pixels and shares, so that its form depends on the picture's size."""
        return len({share for point in self.points for _, share in point}) > 1

    def pixels(self, size: Size) -> List[Point]:
        """The points in a picture of this width and height. Raises UsageError for one outside of it."""
        found = []
        for point in self.points:
            x, y = (value * side / 100 if share else value for (value, share), side in zip(point, size))
            if x > size[0] or y > size[1]:
                raise UsageError(f"{self.name}: {x:g},{y:g} is outside the picture, which is {size[0]}x{size[1]}")
            found.append((x, y))
        return found

    def line(self, size: Size, names: Tuple[str, str] = DIRECTIONS) -> Line:
        """The line in a picture of this width and height. Raises UsageError for one of no length."""
        start, end = self.pixels(size)
        self._check_line((start, end))
        return Line(self.name, start, end, names)

    def zone(self, size: Size, *, inertia: float = INERTIA, loitering: float = 0.0) -> Zone:
        """The zone in a picture of this width and height. Raises UsageError for one whose sides cross or have no area.

        inertia, loitering: see `Zone`.
        """
        return Zone(self.name, self.polygon(size), inertia, loitering)

    def polygon(self, size: Size) -> List[Point]:
        """The corners in a picture of this width and height, of a zone or a mask. Raises UsageError as `zone` does."""
        corners = self.pixels(size)
        self._check_polygon(corners)
        return corners

    def check(self) -> "Place":
        """Itself. Raises UsageError for what is wrong with it in a picture of any size."""
        if not self.mixed:
            points = [(x, y) for (x, _), (y, _) in self.points]
            if len(points) == 2:
                self._check_line(points)
            else:
                self._check_polygon(points)
        return self

    def _check_line(self, points: Sequence[Point]) -> None:
        if points[0] == points[1]:
            raise UsageError(
                f"line {self.name}: both ends are the same point; give two, as {self.name}:100,200-400,200"
            )

    def _check_polygon(self, corners: Sequence[Point]) -> None:
        if self_crossing(corners):
            raise UsageError(
                f"zone {self.name}: its sides cross or touch; give the corners in order, once round the zone"
            )


def read_line(text: str) -> Place:
    """The line in `NAME:x,y-x,y`. Raises UsageError."""
    place = _read(text, "line", "door:100,200-400,200")
    if len(place.points) != 2:
        raise UsageError(f"line {place.name}: has {len(place.points)} points instead of 2, as door:100,200-400,200")
    return place.check()


def read_zone(text: str) -> Place:
    """The zone in `NAME:x,y-x,y-x,y`, with more corners if need be. Raises UsageError."""
    place = _read(text, "zone", "yard:10%,50%-90%,50%-90%,100%")
    if not 3 <= len(place.points) <= MOST_CORNERS:
        raise UsageError(f"zone {place.name}: has {len(place.points)} corners; a zone has from 3 to {MOST_CORNERS}")
    return place.check()


def read_mask(text: str) -> Tuple[Place, str]:
    """The zone in `NAME:polygon[:ignore|black]` and which of MASKS it is, the first by default. Raises UsageError."""
    parts = text.split(":")
    kind = parts.pop() if len(parts) == 3 else MASKS[0]
    if kind not in MASKS:
        raise UsageError(f"mask {text}: ends with {' or '.join(MASKS)}, not {kind}")
    return read_zone(":".join(parts)), kind


def read_names(text: str) -> Tuple[str, str]:
    """The names of a line's two directions in `in,out`. Raises UsageError."""
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or names[0] == names[1] or not all(map(NAME.fullmatch, names)):
        raise UsageError(f"the names of a line's directions should be two different words, as in,out, not {text}")
    return names[0], names[1]


def check_names(places: Sequence[Place]) -> None:
    """Raise UsageError if two lines, zones or masks have the same name."""
    taken = set()
    for place in places:
        if place.name in taken:
            raise UsageError(f"{place.name}: two lines, zones or masks have this name; give one of them another")
        taken.add(place.name)


def self_crossing(corners: Sequence[Point]) -> bool:
    """Whether sides of a polygon cross or touch others than their neighbours, or fold back on them."""
    count = len(corners)
    sides = [(corners[number], corners[(number + 1) % count]) for number in range(count)]
    for one in range(count):
        before, here = sides[one - 1], sides[one]
        if _turn(before[0], here[0], here[1]) == 0 and _ahead(before[0], here[0], here[1]) <= 0:
            return True  # a corner given twice, or a side that folds back
        for other in range(one + 1, count):
            neighbours = other - one in (1, count - 1)
            if not neighbours and _meet(here, sides[other]):
                return True
    return False


def _meet(one: Tuple[Point, Point], other: Tuple[Point, Point]) -> bool:
    """Whether two segments have a point in common."""
    turns = [_turn(*one, point) for point in other] + [_turn(*other, point) for point in one]
    if (turns[0] > 0) != (turns[1] > 0) and (turns[2] > 0) != (turns[3] > 0) and 0 not in turns:
        return True
    ends = [(one, other[0]), (one, other[1]), (other, one[0]), (other, one[1])]
    return any(turn == 0 and _ahead(segment[0], point, segment[1]) >= 0 for turn, (segment, point) in zip(turns, ends))


def _turn(a: Point, b: Point, c: Point) -> float:
    """Twice the area of a triangle, with the sign of the turn at b on the way from a to c."""
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _ahead(a: Point, b: Point, c: Point) -> float:
    """Scalar product of the ways from a to b and from b to c: negative where the second goes back."""
    return (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])


def _read(text: str, what: str, example: str) -> Place:
    """Name and points. Raises UsageError."""
    name, colon, rest = text.partition(":")
    if not colon or not NAME.fullmatch(name):
        raise UsageError(f"{what} {text}: should begin with a name of letters, digits, - and _, as {example}")
    points = []
    for pair in rest.split("-"):
        found = [COORDINATE.fullmatch(part.strip()) for part in pair.split(",")]
        if len(found) != 2 or None in found:
            raise UsageError(f"{what} {name}: {pair!r} is not a point; write x,y in pixels or as 10%,50%, as {example}")
        point = [(float(match.group(1)), bool(match.group(2))) for match in found if match]
        if any(share and value > 100 for value, share in point):
            raise UsageError(f"{what} {name}: {pair} is outside the picture; a share is at most 100%")
        points.append(point)
    return Place(name, points)
