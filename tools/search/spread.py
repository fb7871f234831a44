"""Whether two settings differ, or their runs only scatter; and what independent random draws promise."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple, Optional

SURE = 0.95


class Spread(NamedTuple):
    """Of the figures of one setting. deviation: of a single run (n - 1 in the denominator); None of one figure."""

    mean: float
    deviation: Optional[float]
    runs: int


def spread(figures: Sequence[float]) -> Spread:
    """Mean and standard deviation of at least one figure."""
    return Spread(statistics.mean(figures), statistics.stdev(figures) if len(figures) > 1 else None, len(figures))


def verdict(ours: Spread, theirs: Spread) -> str:
    """`noise` if the means differ by less than their scatter explains, `real` if by more, `one run` if unknown.

    The rule is Welch's t-test (Welch 1947), two-sided at 95 %: |difference| / its standard error against Student's t
    with the Welch-Satterthwaite number of degrees of freedom. One in twenty settings without any effect is called real.
    """
    if ours.deviation is None or theirs.deviation is None:
        return "one run"
    parts = [s.deviation**2 / s.runs for s in (ours, theirs) if s.deviation is not None]
    difference, error = abs(ours.mean - theirs.mean), math.sqrt(sum(parts))
    if error == 0:
        return "real" if difference else "noise"
    freedom = sum(parts) ** 2 / sum(part**2 / (s.runs - 1) for part, s in zip(parts, (ours, theirs)))
    return "real" if difference / error > student_t(freedom) else "noise"


def student_t(freedom: float, sure: float = SURE) -> float:
    """The t within which Student's distribution has a share `sure` of its mass; freedom: at least 1."""
    low, high = 0.0, 100.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if _mass(middle, freedom) > sure else (middle, high)
    return low


def _mass(t: float, freedom: float) -> float:
    """Of Student's distribution from -t to t, by Simpson's rule over the angle whose tangent is x / sqrt(freedom)."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    end, steps = math.atan(t / math.sqrt(freedom)), 200
    heights = [math.cos(end * index / steps) ** (freedom - 1) for index in range(steps + 1)]
    total = heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    return float(2 * scale * total * end / steps / 3)


def chance_of_best(draws: int, share: float) -> float:
    """The probability that the best of independent random draws is within the best `share` of the space:
    1 - (1 - share)^draws, since each misses it with 1 - share (Bergstra and Bengio 2012).
    """
    return float(1 - (1 - share) ** draws)


def share_of_best(draws: int, sure: float = SURE) -> float:
    """The share of the space in which the best of independent random draws is, with probability `sure`."""
    return float(1 - (1 - sure) ** (1 / draws))
