"""Anchors that fit the boxes of a data set: k-means whose distance is 1 - IoU of boxes with one centre.

Source: Redmon and Farhadi, "YOLO9000: Better, Faster, Stronger", 2016, section 2, "Dimension Clusters".
"""

from typing import Sequence

import numpy as np

from app.errors import UsageError
from models.darknet_table import Head
from tools.train_detector.examples import Example

ROUNDS, TRIES = 100, 10
MOST_BOXES = 5000  # that k-means looks at; more would not change the anchors
Anchors = tuple[tuple[float, float], ...]


def box_sides(examples: Sequence[Example], size: int) -> np.ndarray:
    """Width and height (N, 2) float64 of all boxes, in pixels of an input whose longer side is `size`."""
    sides = [
        (example.boxes[:, 2:] - example.boxes[:, :2]) * (size / max(example.width, example.height))
        for example in examples
    ]
    return np.concatenate(sides).astype(np.float64) if sides else np.zeros((0, 2))


def shape_iou(sides: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """IoU (N, A) of boxes (N, 2) with anchors (A, 2) that have the same centre."""
    both = np.minimum(sides[:, None], anchors[None]).prod(axis=2)
    return np.asarray(both / (sides.prod(axis=1)[:, None] + anchors.prod(axis=1)[None] - both))


def fit_anchors(sides: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """`count` anchors (count, 2) float64 for boxes (N, 2), the smallest first. Raises UsageError for too few boxes.

    The best of TRIES beginnings: k-means finds a near optimum, which may be a poor one.
    """
    distinct = np.unique(sides.round(3), axis=0)
    if len(distinct) < count:
        raise UsageError(f"--anchors fit: {count} anchors need as many different boxes, there are {len(distinct)}")
    rng = np.random.default_rng(seed)
    sample = sides if len(sides) <= MOST_BOXES else rng.choice(sides, MOST_BOXES, replace=False)
    found = [_k_means(sample, _beginning(distinct, count, rng)) for _ in range(TRIES)]
    best = max(found, key=lambda anchors: mean_best_iou(sample, anchors))
    return np.asarray(best[np.argsort(best.prod(axis=1))])


def _beginning(distinct: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Boxes to begin with, as in k-means++ (Arthur and Vassilvitskii 2007): those far from others are more probable."""
    chosen = [distinct[rng.integers(len(distinct))]]
    while len(chosen) < count:
        weight = (1 - shape_iou(distinct, np.array(chosen)).max(axis=1)) ** 2
        chosen.append(distinct[rng.choice(len(distinct), p=weight / weight.sum())])
    return np.array(chosen)


def _k_means(sides: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    nearest = np.full(len(sides), -1)
    for _ in range(ROUNDS):
        now = shape_iou(sides, anchors).argmax(axis=1)
        if (now == nearest).all():
            break
        nearest = now
        for number in np.unique(now):
            anchors[number] = np.median(sides[now == number], axis=0)
    return anchors


def for_heads(anchors: np.ndarray, heads: Sequence[Head]) -> list[Anchors]:
    """Anchors of each head, in the heads' order: the smallest ones for the head with the smallest stride."""
    rest = [(round(float(w), 1), round(float(h), 1)) for w, h in anchors]
    found: dict[str, Anchors] = {}
    for head in sorted(heads, key=lambda head: head.stride):
        count = len(head.anchors)
        found[head.name], rest = tuple(rest[:count]), rest[count:]
    return [found[head.name] for head in heads]


def mean_best_iou(sides: np.ndarray, anchors: np.ndarray) -> float:
    """How well anchors fit: the mean over the boxes of the IoU with the best one."""
    return float(shape_iou(sides, anchors).max(axis=1).mean()) if len(sides) else 0.0
