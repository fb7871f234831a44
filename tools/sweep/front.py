"""The Pareto front of accuracy and speed."""

import math
from typing import Any, List, Sequence, TypeVar

P = TypeVar("P", bound=Any)  # with `fps` and `accuracy`


def pareto(points: Sequence[P], margin: float = 0.0) -> List[P]:
    """The points that no other one beats in one of both without losing in the other; the fastest first.

    What is slower has to be more accurate by the margin: less may be chance, and is no reason to be slower. Points that
    are equal in both are all kept.
    """
    front: List[P] = []
    for point in sorted(points, key=lambda p: (-p.fps, -p.accuracy)):
        last = front[-1] if front else None
        gained = point.accuracy - last.accuracy if last is not None else math.inf
        same = last is not None and (point.fps, point.accuracy) == (last.fps, last.accuracy)
        if same or (gained > 0 and gained >= margin):
            front.append(point)
    return front
