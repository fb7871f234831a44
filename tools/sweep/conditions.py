"""What disturbs a measurement: faults of the machine, and other programs that use its cores.

The load average does not show it: it covers the last minute, and so the measurements before this one.
"""

import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

from app.board import Board
from tools.json_file import Json

OTHERS = 0.1  # share of the cores' time from which other programs are reported


class Conditions:
    """The conditions of a measurement that begins now."""

    def __init__(self, root: str = "/") -> None:
        """root: the folder of `proc` and `sys`."""
        self._stat = os.path.join(root, "proc", "stat")
        self._faults = [fault.what for fault in Board(root).faults() if fault.subject != "load"]
        self._began = self._times()

    def report(self) -> Json:
        """`faults`, in words, and `others`: the share of the cores' time that other programs took since then, None
        where Linux does not report it.
        """
        others = None
        if self._began is not None:
            now = self._times() or self._began
            total, busy, own = (after - before for before, after in zip(self._began, now))
            others = round(max(0.0, busy - own) / total, 3) if total > 0 else None
        return {"faults": self._faults, "others": others}

    def _times(self) -> Optional[Tuple[float, float, float]]:
        """Seconds since boot, summed over the cores: in all, busy, and in this process."""
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
    """What disturbed the measurements, a line each; those of old sweeps do not record it."""
    known = [measurement for measurement in measurements if "faults" in measurement]
    shares = [measurement["others"] for measurement in known if (measurement["others"] or 0) >= OTHERS]
    found = []
    if shares:
        what = f"other programs took up to {max(shares):.0%} of the cores' time"
        found.append(f"{what}, in {len(shares)} of {len(known)} measurements")
    kinds: Dict[str, List[str]] = {}
    for measurement in known:
        for what in measurement["faults"]:
            kinds.setdefault(re.sub(r"\d+", "", what), []).append(what)
    for whats in kinds.values():
        found.append(f"{whats[-1]}, in {len(whats)} of {len(known)} measurements")
    return found
