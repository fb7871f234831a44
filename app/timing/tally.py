"""Counts what was detected in a whole run."""

from collections import Counter
from typing import Any, Dict, Iterable
from typing import Counter as Counts

from app.detections import Detections


class Tally:
    """What was detected in the whole run."""

    def __init__(self) -> None:
        self._by_label: Counts[str] = Counter()
        self._score = 0.0

    @classmethod
    def together(cls, tallies: "Iterable[Tally]") -> "Tally":
        """What several cameras have found."""
        total = cls()
        for tally in tallies:
            total._by_label.update(dict(tally._by_label))  # a copy, since another thread may add to it
            total._score += tally._score
        return total

    def add(self, detections: Detections) -> None:
        """Count the detections of a frame."""
        self._by_label.update(detections.names)
        self._score += float(detections.scores.sum())

    def report(self) -> Dict[str, Any]:
        """The report's `detections`: count, mean score (None without any), and count by label."""
        count = sum(self._by_label.values())
        mean = round(self._score / count, 4) if count else None
        return {"count": count, "mean_score": mean, "by_label": dict(self._by_label.most_common())}
