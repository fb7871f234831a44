"""Which thing a new track may have been before.

A track is confirmed only when it is seen again, and one that is lost goes on as a new one. At low rates a thing walks
far meanwhile; so the way of a new track begins where it was first seen, or where a thing was lost that it may be.
"""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from app.tracking.association import PACE, pairs
from app.tracking.events import Sighting

LOST = 2.0  # seconds after which a track that is not seen goes on as no other
NEAR = 0.3  # heights by which the boxes of one thing in two frames may be apart without having moved
ALIKE = 1.4  # the larger of their heights divided by the smaller, at most


class Place(NamedTuple):
    """Where a thing was seen, when, in seconds of the scene's clock, and the point of its box that is followed."""

    seen: Sighting
    time: float
    anchor: Tuple[float, float]


def same(ones: Sequence[Place], others: Sequence[Place]) -> List[Tuple[int, int]]:
    """Pairs of one and another, by their numbers, that may be the same thing, the other at an earlier time.

    They have one class and similar heights, and are no further apart than one walks in that time. The nearest come
    first, and each is in one pair at most.
    """
    if not (ones and others):
        return []
    (x, y, height, kind, time), before = _columns(ones)[..., None], _columns(others)[:, None]
    low, high = np.minimum(height, before[2]), np.maximum(height, before[2])
    reach = np.maximum(high * (NEAR + PACE * (time - before[4])), 1e-6)
    near = 1 - np.hypot(x - before[0], y - before[1]) / reach
    near[(time <= before[4]) | (kind != before[3]) | (high > ALIKE * low)] = 0
    rows, columns = pairs(near, 1e-6)
    return list(zip(rows.tolist(), columns.tolist()))


def _columns(places: Sequence[Place]) -> np.ndarray:
    """Anchor, height, class and time of each (5, N)."""
    rows = [(*place.anchor, place.seen.box[3] - place.seen.box[1], place.seen.class_id, place.time) for place in places]
    return np.array(rows, np.float64).T
