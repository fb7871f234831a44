"""Combinations ranked by their real rate, so that running the sweep again yields the same ranking.

The few rounds of one combination cannot show how far its rate may be off: their range is wide or narrow by chance. But
what varies is how long the work takes, and all combinations share the machine on which it does. So the variation is
pooled over all of them, and each rate varies as its work and its pacing allow: one that waits for deadlines does not
vary at all, unless the work nearly fills the period.

Rates whose spreads overlap share a rank, as do those at the two ends of a chain of such overlaps. If each pair were
compared on its own, every pair that is barely distinguishable would be a chance for the ranks of two sweeps to differ.
"""

import math
from typing import List, Sequence, Tuple

from tools.json_file import Json

DRIFT = 0.04  # share of a rate by which a shared machine drifts within a minute


def variation(works: Sequence[Sequence[float]]) -> float:
    """The factor by which the work may take longer or shorter: its pooled geometric standard deviation, 1 if every
    combination was measured once. works: milliseconds, of each combination in its rounds.
    """
    squares = 0.0
    freedom = 0
    for rounds in works:
        logarithms = [math.log(work) for work in rounds if work > 0]
        if logarithms:
            mean = sum(logarithms) / len(logarithms)
            squares += sum((logarithm - mean) ** 2 for logarithm in logarithms)
            freedom += len(logarithms) - 1
    return math.exp(math.sqrt(squares / freedom)) if freedom else 1.0


def likely(row: Json, factor: float) -> Tuple[float, float]:
    """The lowest and the highest real rate of a row if its work took `factor` times as long, or as short."""
    period = 1000 / row["fps"]["median"]
    work = min(row["work_ms"]["median"], period)
    combination = row["combination"]
    idle = shortest = 0.0  # of the period, what longer work may use up; and the least that shorter work can make of it
    if combination.pacing != "delay":
        idle = row["stages_ms"]["capture"]["median"] + row["stages_ms"]["wait"]["median"]
        shortest = min(period, 1000 / combination.fps) if combination.fps else 0.0
    longest = period + max(0.0, work * (factor - 1) - idle)
    return 1000 / longest, 1000 / max(shortest, period - work * (1 - 1 / factor))


def ranks(rates: Sequence[Tuple[float, float]]) -> List[int]:
    """The rank of each rate, given its likely lowest and highest: 1, plus the number of rates in higher groups. A group
    ends where the highest of the next rate is below the lowest of the group by more than DRIFT.
    """
    result = [0] * len(rates)
    rank, lowest = 1, 0.0
    for place, index in enumerate(sorted(range(len(rates)), key=lambda index: -rates[index][1]), 1):
        least, most = rates[index]
        if place == 1 or most < (1 - DRIFT) * lowest:
            rank, lowest = place, least
        lowest = min(lowest, least)
        result[index] = rank
    return result
