"""What moves what in a sweep: figures of combinations that differ in one setting alone. Rows are of `summary.rows`."""

import itertools
import math
import statistics
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

Json = Dict[str, Any]
Figure = Callable[[Json], Optional[float]]
Levels = Dict[str, float]


def pixels(capture: str) -> Tuple[int, ...]:
    """What captures are sorted by; the source's own is the largest."""
    return tuple(int(side) for side in capture.split("x")) if "x" in capture else (1 << 30,)


def _rate(fps: str) -> float:
    return math.inf if fps == "max" else float(fps)


def values_of(rows: Sequence[Json], setting: str) -> List[str]:
    """The values of a setting that occur, the smallest first."""
    order: Dict[str, Callable[[str], Any]] = {"capture": pixels, "size": int, "fps": _rate}
    return sorted({row["words"][setting] for row in rows}, key=order.get(setting, str))


def groups(rows: Sequence[Json], setting: str) -> List[Dict[str, Json]]:
    """Rows that differ in nothing but a setting, by its value: one dictionary for each choice of all the others."""
    others: Dict[Tuple[str, ...], Dict[str, Json]] = {}
    for row in rows:
        rest = tuple(value for key, value in row["words"].items() if key != setting)
        others.setdefault(rest, {})[row["words"][setting]] = row
    return list(others.values())


def pairs(rows: Sequence[Json], setting: str, first: str, second: str) -> List[Tuple[Json, Json]]:
    """Rows that differ in nothing but a setting, which is `first` in one and `second` in the other."""
    return [(group[first], group[second]) for group in groups(rows, setting) if first in group and second in group]


def levels(rows: Sequence[Json], setting: str, figure: Figure) -> Levels:
    """The mean of a figure at each value of a setting, the smallest first, all others being the same: over the groups
    in which it is known at every value at which it is known at all. Empty where that leaves nothing to compare.
    """
    known = [row for row in rows if figure(row) is not None]
    values = values_of(known, setting)
    whole = [group for group in groups(known, setting) if len(group) == len(values)]
    if len(values) < 2 or not whole:
        return {}
    return {value: statistics.mean(float(figure(group[value]) or 0.0) for group in whole) for value in values}


def extent(found: Levels) -> float:
    """By how much a figure differs between the values of a setting at most; 0 of none."""
    return max(found.values()) - min(found.values()) if found else 0.0


def best(found: Levels) -> str:
    """The value of a setting at which a figure is the largest; of equal ones the first."""
    return max(found, key=lambda value: found[value])


def differences(rows: Sequence[Json], setting: str, figure: Figure) -> List[float]:
    """How much a figure differs between rows that differ in nothing but a setting."""
    result = []
    for first, second in itertools.combinations(values_of(rows, setting), 2):
        for one, other in pairs(rows, setting, first, second):
            a, b = figure(one), figure(other)
            if a is not None and b is not None:
                result.append(abs(a - b))
    return result


def disagreements(one: Levels, other: Levels) -> List[Tuple[str, str]]:
    """Pairs of values, the smaller first, of which one figure is larger at the first and the other at the second; to
    the three decimals that are shown. The pair on which they disagree most by the first figure leads.
    """
    found = []
    for a, b in itertools.combinations([value for value in one if value in other], 2):
        if round(one[b] - one[a], 3) * round(other[b] - other[a], 3) < 0:
            found.append((a, b))
    return sorted(found, key=lambda pair: -abs(one[pair[1]] - one[pair[0]]))
