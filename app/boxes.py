"""Box arithmetic. A box is x1 y1 x2 y2; its area is (x2 - x1) * (y2 - y1), with no pixel added."""

import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """Areas (N,) of boxes (N, 4). A box turned inside out has none."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def iou(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Intersection over union (M,) of one box (4,) with many (M, 4); 0 where both are empty."""
    sides = np.minimum(one[2:], many[:, 2:]) - np.maximum(one[:2], many[:, :2])
    np.maximum(sides, 0, out=sides)
    intersection = sides[:, 0] * sides[:, 1]
    union = area(one[None])[0] + area(many) - intersection
    return np.asarray(intersection / np.maximum(union, np.finfo(np.float32).tiny))


def nms(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, threshold: float, agnostic: bool) -> np.ndarray:
    """Greedy non-maximum suppression: positions (K,) of the boxes (N, 4) that stay, highest score first.

    A box goes when a higher-scoring one that stays overlaps it with an IoU strictly above `threshold`; of equal
    scores the earlier one is the higher. Boxes of different classes leave each other alone unless `agnostic`.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        suppressed = iou(boxes[best], boxes[rest]) > threshold
        if not agnostic:
            suppressed &= classes[rest] == classes[best]
        order = rest[~suppressed]
    return np.array(kept, np.intp)


def clip(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes (N, 4) with every corner moved into the picture."""
    return np.asarray(np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype)))
