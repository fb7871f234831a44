"""The names of the Pareto front's points in a plot."""

import math
from typing import Any, Iterator, NamedTuple, Optional, Sequence

from tools.report.looks import CHARACTER, GREY, WIDTH, Look, shortened

NAME_FONT = 8.5  # points
AXES = (72 * WIDTH * 0.84, 72 * WIDTH * 0.64 * 0.8)  # width and height in points, about
BESIDE = (5.0, 4.0)  # where a name stands from its point, in points, if it is free there
LINE = {"arrowstyle": "-", "color": GREY, "lw": 0.7, "shrinkA": 0, "shrinkB": 2}  # from a name that is farther away
MARKER = 4.0  # half of a marker's side, in points


class Point(NamedTuple):
    """A way to set the program, in the plane of speed and accuracy. least, most: of the FPS, where they are known."""

    fps: float
    accuracy: float
    look: Look
    least: Optional[float] = None
    most: Optional[float] = None


class Box(NamedTuple):
    """What is taken in a plot, in points from the lower left of its axes."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: "Box") -> bool:
        """Whether both cover some place."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )


def share(name: str) -> float:
    """How much of the axes' width a name takes, about."""
    return (_width(name) + 8) / AXES[0]


def name_beside(axes: Any, front: Sequence[Point], points: Sequence[Point]) -> None:
    """Names of the front's points, beside them or, where others are, at the end of a line; as many as fit."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()

    def place(point: Point) -> tuple[float, float]:
        x, y = (point.fps - left) / (right - left), (point.accuracy - low) / (high - low)
        return x * AXES[0], y * AXES[1]

    markers = {place(point): _around(*place(point), MARKER) for point in points}
    taken: list[Box] = []  # by names and their lines
    for point in [*front[-1:], *front[:-1]]:  # if there is little room, the fastest has it
        name, (x, y) = shortened(point.look.name, 30), place(point)
        others = taken + [box for where, box in markers.items() if where != (x, y)]
        for aside, up in _offsets(_width(name)):
            box = Box(x + aside, y + up, x + aside + _width(name), y + up + 1.4 * NAME_FONT)
            if (aside, up) == BESIDE:  # without a line, no other point may be as near to the name
                needed, line = [Box(box.left - 2 * MARKER, box.bottom - 2 * MARKER, box.right, box.top)], None
            else:
                needed, line = [box, *_along(x, y, box)], {**LINE, "relpos": (float(aside < 0), 0.5)}
            if _inside(box) and not any(one.meets(other) for one in needed for other in others):
                taken += needed
                axes.annotate(
                    name, (point.fps, point.accuracy), xytext=(aside, up), textcoords="offset points",
                    fontsize=NAME_FONT, arrowprops=line,
                )  # fmt: skip
                break


def _around(x: float, y: float, reach: float) -> Box:
    return Box(x - reach, y - reach, x + reach, y + reach)


def _along(x: float, y: float, name: Box) -> list[Box]:
    """Where a line goes from a point to the nearer end of its name, but for what is close to either."""
    end_x, end_y = name.right if name.right < x else name.left, (name.bottom + name.top) / 2
    length = math.hypot(end_x - x, end_y - y)
    steps = [step / length for step in range(6, int(length) - 1, 2)]
    return [_around(x + step * (end_x - x), y + step * (end_y - y), 1.0) for step in steps]


def _inside(box: Box) -> bool:
    return box.left >= 0 and box.bottom >= 0 and box.right <= AXES[0] and box.top <= AXES[1]


def _offsets(width: float) -> Iterator[tuple[float, float]]:
    """Where a name's lower left corner may stand, in points from the named one: the best first."""
    yield BESIDE
    for up in (12.0, -22.0, 26.0, -36.0, 40.0, -50.0, 54.0, -64.0):
        yield 12.0, up
        yield -12.0 - width, up
        yield 30.0, up


def _width(name: str) -> float:
    """Of a name in points, about."""
    return len(shortened(name, 30)) * CHARACTER * NAME_FONT
