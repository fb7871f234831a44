"""Who crosses a line, in plain geometry: an oracle beside `app/tracking/lines.py`."""

import math


def crossings(path, start, end, dead_band=0.15, least_band=2.0):
    """The crossings of a path over the segment from start to end: 1 for each to its right, -1 for each to its left.

    path: x, y and the box's height of each place, in order. The dead band is a share of the height, or pixels if that
    is more. From one place outside of it to the next, and from the last of them to the path's end, the segment is
    crossed if the path meets it more often towards the side where it ends than back. (It may come back round an end.)
    """
    points = [place[:2] for place in path]
    outside = [far((x, y), start, end) >= max(dead_band * height, least_band) for x, y, height in path]
    stops = [number for number in range(1, len(path)) if outside[number]]
    if any(outside) and stops[-1:] != [len(path) - 1]:
        stops.append(len(path) - 1)
    found, begin = [], 0
    for stop in stops:
        way, side = points[begin : stop + 1], right(points[stop], start, end)
        met = [right(other, start, end) for one, other in zip(way, way[1:]) if meet(one, other, start, end)]
        if met.count(side) > met.count(not side):
            found.append(1 if side else -1)
        begin = stop
    return found


def right(point, start, end):
    """Whether a point is on the right of the line, seen from its start, or on it: y grows downwards."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0]) >= 0


def meet(one, other, start, end):
    """Whether two segments meet: the ends of each are on different sides of the other."""
    return right(one, start, end) != right(other, start, end) and right(start, one, other) != right(end, one, other)


def far(point, start, end):
    """The distance of a point from a segment."""
    along = (end[0] - start[0], end[1] - start[1])
    share = ((point[0] - start[0]) * along[0] + (point[1] - start[1]) * along[1]) / (along[0] ** 2 + along[1] ** 2)
    share = min(max(share, 0.0), 1.0)
    return math.hypot(start[0] + share * along[0] - point[0], start[1] + share * along[1] - point[1])
