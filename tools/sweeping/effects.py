"""What moves what in a sweep: figures of combinations that differ in one setting alone. Rows are of `summary.rows`."""

import itertools
import math
import statistics
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

Json = Dict[str, Any]
Figure = Callable[[Json], Optional[float]]


class Effect(NamedTuple):
    """Smallest and largest value of a setting, and the mean of a figure at each, all other settings being the same."""

    smallest: str
    largest: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """By how much the figure is larger at the largest."""
        return self.after - self.before

    @property
    def stays(self) -> bool:
        """Whether it is the same at both, to the three decimals that are shown."""
        return round(self.before, 3) == round(self.after, 3)


def pixels(capture: str) -> Tuple[int, ...]:
    """What captures are sorted by; the source's own is the largest."""
    return tuple(int(side) for side in capture.split("x")) if "x" in capture else (1 << 30,)


def _rate(fps: str) -> float:
    return math.inf if fps == "max" else float(fps)


def values_of(rows: Sequence[Json], setting: str) -> List[str]:
    """The values of a setting that occur, the smallest first."""
    order: Dict[str, Callable[[str], Any]] = {"capture": pixels, "size": int, "fps": _rate}
    return sorted({row["words"][setting] for row in rows}, key=order.get(setting, str))


def pairs(rows: Sequence[Json], setting: str, first: str, second: str) -> List[Tuple[Json, Json]]:
    """Rows that differ in nothing but a setting, which is `first` in one and `second` in the other."""
    others: Dict[Tuple[str, ...], Dict[str, Json]] = {}
    for row in rows:
        rest = tuple(value for key, value in row["words"].items() if key != setting)
        others.setdefault(rest, {})[row["words"][setting]] = row
    return [(found[first], found[second]) for found in others.values() if first in found and second in found]


def effect(rows: Sequence[Json], setting: str, figure: Figure) -> Optional[Effect]:
    """Of a setting on a figure. None where the setting does not vary or the figure was not measured."""
    values = values_of(rows, setting)
    if len(values) < 2:
        return None
    found = [(figure(a), figure(b)) for a, b in pairs(rows, setting, values[0], values[-1])]
    known = [(a, b) for a, b in found if a is not None and b is not None]
    if not known:
        return None
    return Effect(values[0], values[-1], statistics.mean(a for a, _ in known), statistics.mean(b for _, b in known))


def differences(rows: Sequence[Json], setting: str, figure: Figure) -> List[float]:
    """How much a figure differs between rows that differ in nothing but a setting."""
    result = []
    for first, second in itertools.combinations(values_of(rows, setting), 2):
        for one, other in pairs(rows, setting, first, second):
            a, b = figure(one), figure(other)
            if a is not None and b is not None:
                result.append(abs(a - b))
    return result
