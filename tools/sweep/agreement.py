"""Why a mean confidence misleads: what two settings find in the same pictures, and what only one of them does."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from app.boxes import iou

Json = Dict[str, Any]

SAME = 0.5  # IoU from which two detections of one class in one picture are of one object


class Agreement(NamedTuple):
    """Mean scores: of what both find, by the first and by the second, and of what only one finds; None of nothing.

    pairs: how many detections both make. additional: how many only the second makes.
    """

    both_first: Optional[float]
    both_second: Optional[float]
    only_first: Optional[float]
    only_second: Optional[float]
    pairs: int
    additional: int


def compare(first: Sequence[Json], second: Sequence[Json]) -> Agreement:
    """Two lists of detections in COCO's results format, of the same pictures. Pairs are made best score first."""
    unpaired: Dict[Any, List[Json]] = {}
    for found in sorted(first, key=lambda d: -d["score"]):
        unpaired.setdefault((found["image_id"], found["category_id"]), []).append(found)
    pairs, only_second = [], []
    for found in sorted(second, key=lambda d: -d["score"]):
        others = unpaired.get((found["image_id"], found["category_id"]), [])
        overlaps = iou(_corners([found]), _corners(others))[0] if others else np.zeros(1)
        best = int(overlaps.argmax())
        if overlaps[best] >= SAME:
            pairs.append((others.pop(best)["score"], found["score"]))
        else:
            only_second.append(found["score"])
    left = [found["score"] for others in unpaired.values() for found in others]
    both_first, both_second = mean([one for one, _ in pairs]), mean([other for _, other in pairs])
    return Agreement(both_first, both_second, mean(left), mean(only_second), len(pairs), len(only_second))


def _corners(detections: Sequence[Json]) -> np.ndarray:
    """Boxes (N, 4) x1 y1 x2 y2."""
    boxes = np.array([found["bbox"] for found in detections], np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def mean(scores: Sequence[float]) -> Optional[float]:
    """None of nothing."""
    return sum(scores) / len(scores) if scores else None
