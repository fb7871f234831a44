"""What disturbs a measurement: faults of the machine, and the time that other programs take of its cores.

The load average cannot tell: it is of the last minute, and so of the measurements before this one.
"""

import os
import re
from typing import Any, Dict, List, Optional, Sequence, Tuple

from app.board import Board

Json = Dict[str, Any]

OTHERS = 0.1  # share of the cores' time from which other programs are worth a word


class Conditions:
    """Those of a measurement that begins now."""

    def __init__(self, root: str = "/") -> None:
        """root: where `proc` and `sys` are."""
        self._stat = os.path.join(root, "proc", "stat")
        self._faults = [fault.what for fault in Board(root).faults() if fault.subject != "load"]
        self._began = self._times()

    def report(self) -> Json:
        """`faults`, in words, and `others`: the share of the cores' time that other programs took since this began,
        None where Linux does not say.
        """
        others = None
        if self._began is not None:
            now = self._times() or self._began
            every, busy, own = (after - before for before, after in zip(self._began, now))
            others = round(max(0.0, busy - own) / every, 3) if every > 0 else None
        return {"faults": self._faults, "others": others}

    def _times(self) -> Optional[Tuple[float, float, float]]:
        """Seconds since the start, summed over the cores: all, those in which they were busy, and this process's."""
        try:
            with open(self._stat) as file:
                ticks = [int(word) for word in file.readline().split()[1:9]]
            user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen = ticks
        except (OSError, ValueError):
            return None
        busy = user + nice + system + interrupts + soft_interrupts + stolen
        second = os.sysconf("SC_CLK_TCK")
        own = os.times()
        return (busy + idle + waiting) / second, busy / second, own.user + own.system


def disturbances(measurements: Sequence[Json]) -> List[str]:
    """What was the matter in measurements of speed, a line each; those of old sweeps do not say."""
    told = [measurement for measurement in measurements if "faults" in measurement]
    shares = [measurement["others"] for measurement in told if (measurement["others"] or 0) >= OTHERS]
    found = []
    if shares:
        what = "other programs took up to {:.0%} of the cores' time".format(max(shares))
        found.append("{}, in {} of {} measurements".format(what, len(shares), len(told)))
    kinds: Dict[str, List[str]] = {}
    for measurement in told:
        for what in measurement["faults"]:
            kinds.setdefault(re.sub(r"\d+", "", what), []).append(what)
    for whats in kinds.values():
        found.append("{}, in {} of {} measurements".format(whats[-1], len(whats), len(told)))
    return found
