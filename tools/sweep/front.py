"""The settings worth choosing from: the Pareto front of accuracy and speed. Rows are of `summary.rows`."""

import math
import statistics
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from tools.json_file import Json

Figure = Callable[[Json], Optional[float]]
P = TypeVar("P", bound=Any)  # with `fps` and `accuracy`

SEEN = ("capture", "size", "backend")  # settings that decide what is found in a frame, and how long it takes

# Two standard deviations of the difference in AP50 between two sizes, times the square root of the number of images.
# Paired bootstraps (tools.score --against) of sizes 160, 320 and 416 on 16, 32 and 64 images of COCO val2017 gave 0.28
# to 0.50: a rule of thumb from one set of images; that command measures it on others.
SPREAD = 0.5


class Choice(NamedTuple):
    """Rows that differ only in rate and pacing, and so show the same detections; None for what was not measured."""

    rows: List[Json]
    fps: Optional[float]  # that the work on a frame allows
    accuracy: Optional[float]


def ap50(row: Json) -> Optional[float]:
    """AP50 against the labels; None without labels or labelled objects."""
    return row["accuracy"] and row["accuracy"]["ap50"]  # type: ignore[no-any-return]


def mean_confidence(row: Json) -> Optional[float]:
    """The mean score of what was shown."""
    return row["mean_confidence"] and row["mean_confidence"]["median"]  # type: ignore[no-any-return]


def possible_fps(row: Json) -> Optional[float]:
    """The rate that the work on a frame allows."""
    return row["possible_fps"] and row["possible_fps"]["median"]  # type: ignore[no-any-return]


def median(rows: Sequence[Json], figure: Figure) -> Optional[float]:
    """The median of a figure over the rows in which it is known."""
    known = [value for value in map(figure, rows) if value is not None]
    return statistics.median(known) if known else None


def choices(rows: Sequence[Json], figure: Figure = ap50) -> List[Choice]:
    """The rows, grouped by the settings in SEEN. figure: what counts as accuracy."""
    groups: Dict[Tuple[str, ...], List[Json]] = {}
    for row in rows:
        groups.setdefault(tuple(row["words"][setting] for setting in SEEN), []).append(row)
    return [Choice(members, median(members, possible_fps), median(members, figure)) for members in groups.values()]


def front(rows: Sequence[Json]) -> List[Choice]:
    """The choices on the Pareto front, the fastest first; none without labels."""
    known = [choice for choice in choices(rows) if choice.fps is not None and choice.accuracy is not None]
    return pareto(known, margin(rows))


def pareto(points: Sequence[P], least_gain: float = 0.0) -> List[P]:
    """The points that no other point beats in speed or accuracy without losing in the other, the fastest first.

    A slower point must be more accurate by `least_gain`: less may be chance, and is no reason to be slower. Of points
    that are equal in both, all are kept.
    """
    kept: List[P] = []
    for point in sorted(points, key=lambda p: (-p.fps, -p.accuracy)):
        last = kept[-1] if kept else None
        gain = point.accuracy - last.accuracy if last is not None else math.inf
        same = last is not None and (point.fps, point.accuracy) == (last.fps, last.accuracy)
        if same or (gain > 0 and gain >= least_gain):
            kept.append(point)
    return kept


def labelled_images(rows: Sequence[Json]) -> int:
    """How many labelled images the rows were scored on; 0 without labels."""
    return max((int(row["accuracy"]["images"]) for row in rows if row["accuracy"]), default=0)


def margin(rows: Sequence[Json]) -> float:
    """The difference in AP50 below which two rows may differ by chance, given the number of images; 0 without any."""
    images = labelled_images(rows)
    return SPREAD / math.sqrt(images) if images else 0.0
