"""What a sweep says, in sentences, each from its figures: what to choose, which setting moves what, what misleads."""

from typing import Any, Dict, List, Sequence

from tools.sweep.accuracy import accuracy, backends, rates
from tools.sweep.confidence import confidence
from tools.sweep.speed import choices, costs, deadlines, delays, dropped

Json = Dict[str, Any]


def findings(rows: Sequence[Json]) -> List[str]:
    """Sentences for people, the most telling first. rows: of `summary.rows`."""
    return [
        sentence
        for finding in (choices, accuracy, confidence, costs, backends, rates, deadlines, delays, dropped)
        for sentence in finding(rows)
    ]
