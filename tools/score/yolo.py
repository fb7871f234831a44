"""YOLO label files: per object a line `class cx cy w h`, or a polygon `class x1 y1 x2 y2 ...`, all fractions of a side.

The class is a whole number, from 0; a float that is whole, as `0.0`, counts as one. Numbers outside of 0 to 1 by up to
ROUNDING are clipped, and so is a box that leaves the image by that much: programs that write them round. A box that
leaves it further stays as it is. The form is Ultralytics', https://docs.ultralytics.com/datasets/detect/ and /segment/
"""

from typing import Iterator, NamedTuple, Sequence, Tuple

from app.errors import SourceError

ROUNDING = 1e-4


class Labelled(NamedTuple):
    """An object: the number of its class, and its box's centre, width and height as fractions of the image's sides."""

    label: int
    cx: float
    cy: float
    w: float
    h: float


def read_yolo(path: str, classes: int, polygons: bool = False) -> Iterator[Labelled]:
    """The objects in a label file. classes: how many there are. polygons: take the bounding boxes of polygons.

    Raises SourceError, with the number of the line, for anything else.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = file.readlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a readable text file: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _parse(line.split(), classes, polygons)
            except ValueError as error:
                raise SourceError(f"{path}:{number}: {error}") from None


def _parse(words: Sequence[str], classes: int, polygons: bool) -> Labelled:
    """Raises ValueError, which says what is wrong."""
    try:
        first, *sides = map(float, words)
        label = int(first)
        if label != first:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError("should be: class cx cy w h, where class is a whole number from 0") from None
    points = len(sides) // 2
    if len(sides) == 5:
        raise ValueError(
            "a detection with a score, not a label; to use it as one, remove the sixth number of each line"
        )
    polygon = points >= 3 and len(sides) == 2 * points
    if polygon and not polygons:
        raise ValueError(f"a polygon of {points} points; to take its bounding box: --polygons")
    if not polygon and len(sides) != 4:
        raise ValueError("should be: class cx cy w h")
    if not 0 <= label < classes:
        raise ValueError(f"class {label} is not one of 0 to {classes - 1}; name the model that has these: --model")
    if not all(-ROUNDING <= side <= 1 + ROUNDING for side in sides):  # also refuses NaN
        what = "corners" if polygon else "centres and sides"
        raise ValueError(f"{what} should be from 0 to 1; divide pixels by the image's width and height")
    sides = [min(max(side, 0.0), 1.0) for side in sides]
    if polygon:
        (cx, w), (cy, h) = (_span(min(sides[axis::2]), max(sides[axis::2])) for axis in (0, 1))
    else:
        (cx, w), (cy, h) = (_clipped(*sides[axis::2]) for axis in (0, 1))
    return Labelled(label, cx, cy, w, h)


def _clipped(centre: float, side: float) -> Tuple[float, float]:
    """Centre and side of a box along one axis, without what is outside of the image by rounding."""
    low, high = centre - side / 2, centre + side / 2
    inside = (0.0 if -ROUNDING <= low < 0 else low, 1.0 if 1 < high <= 1 + ROUNDING else high)
    return (centre, side) if inside == (low, high) else _span(*inside)


def _span(low: float, high: float) -> Tuple[float, float]:
    """Centre and length."""
    return (low + high) / 2, high - low
