"""A distribution of durations in constant memory."""

import math
from array import array
from itertools import accumulate
from typing import List, Optional, Sequence


class Histogram:
    """Distribution of durations in constant memory, from 1 microsecond to 1000 s.

    Buckets grow by 1 %, so a percentile is within 0.5 % of the true value. The mean is exact.
    """

    _LOWEST = 1e-6
    _GROWTH = math.log(1.01)
    _BUCKETS = int(math.log(1e9) / _GROWTH) + 1

    def __init__(self) -> None:
        self._counts = array("L", [0]) * self._BUCKETS
        self.count = 0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; those out of range go to the first or last bucket."""
        bucket = int(math.log(max(seconds, self._LOWEST) / self._LOWEST) / self._GROWTH)
        self._counts[min(bucket, self._BUCKETS - 1)] += 1
        self.count += 1
        self.total += seconds

    def merge(self, other: "Histogram") -> None:
        """Count the durations of another one as well."""
        for bucket, count in enumerate(other._counts):
            self._counts[bucket] += count
        self.count += other.count
        self.total += other.total

    def at_most(self, bounds: Sequence[float]) -> List[int]:
        """How many durations are at most each of these bounds, in seconds and ascending, to within 1 %."""
        below = [0, *accumulate(self._counts)]
        ends = (int(math.log(bound / self._LOWEST) / self._GROWTH) for bound in bounds)
        return [below[min(end, self._BUCKETS)] for end in ends]

    def mean(self) -> Optional[float]:
        """Mean duration in seconds, None when there is none."""
        return self.total / self.count if self.count else None

    def percentile(self, percent: float) -> Optional[float]:
        """The least duration that `percent` of all do not exceed, None when there is none."""
        wanted = math.ceil(self.count * percent / 100)
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return self._LOWEST * math.exp((bucket + 0.5) * self._GROWTH)
        return None
