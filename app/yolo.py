"""Decodes YOLO heads: raw logits in, boxes in pixels of the network's input out.

A head is (1, anchors * (5 + classes), rows, columns): per anchor tx, ty, tw, th, objectness, then one logit per
class. With cell (x, y), stride s and anchor (aw, ah):

    centre = (sigmoid(tx) + x) * s, (sigmoid(ty) + y) * s        size = exp(tw) * aw, exp(th) * ah
    score of class c = sigmoid(objectness) * sigmoid(tc)

Source: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018, section 2.1.
"""

import math
from functools import lru_cache
from typing import Sequence, Tuple

import numpy as np

from app.errors import ModelError
from app.modelcard import Head

LARGEST_EXPONENT = 20.0  # far beyond any image, but its square still fits a float32

Candidates = Tuple[np.ndarray, np.ndarray, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function, written with tanh because exp overflows."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))


def decode(
    outputs: Sequence[np.ndarray], heads: Sequence[Head], classes: int, threshold: float, multi_label: bool = False
) -> Candidates:
    """Boxes (N, 4) x1 y1 x2 y2, scores (N,) and classes (N,) of every cell that scores at least `threshold`.

    With `multi_label` a cell yields a candidate for each class that reaches the threshold, for scoring; without it only
    for its best class, for viewing. Raises ModelError when an output does not have the shape that the card describes.
    """
    if len(outputs) != len(heads):
        raise ModelError(f"the card describes {len(heads)} heads, but the model has {len(outputs)} outputs")
    least = _logit(threshold)
    gathered = [_gather(output, head, classes, least) for output, head in zip(outputs, heads)]
    cells, places = (np.concatenate(parts) for parts in zip(*gathered))
    corners, anchors, strides = places[:, 0:2], places[:, 2:4], places[:, 4:5]

    if multi_label:
        scores = sigmoid(cells[:, 4:5]) * sigmoid(cells[:, 5:])
    else:
        labels = cells[:, 5:].argmax(axis=1)
        scores = sigmoid(cells[:, 4]) * sigmoid(cells[np.arange(len(cells)), 5 + labels])
    found = np.nonzero(scores >= threshold)
    labels = found[1] if multi_label else labels[found]

    middles = (sigmoid(cells[:, 0:2]) + corners) * strides
    halves = np.exp(np.minimum(cells[:, 2:4], LARGEST_EXPONENT)) * anchors
    boxes = np.concatenate([middles - halves, middles + halves], axis=1)
    return boxes[found[0]], scores[found], labels.astype(np.int32)


def _gather(output: np.ndarray, head: Head, classes: int, least: float) -> Tuple[np.ndarray, np.ndarray]:
    """The cells (K, 5 + classes) of a head whose objectness logit is at least `least`, and their places (K, 5).

    No class can score higher than the objectness, so this one comparison leaves a handful of thousands of cells.
    """
    count = len(head.anchors)
    if output.ndim != 4 or output.shape[0] != 1 or output.shape[1] != count * (5 + classes):
        raise ModelError(
            f"the card does not fit the model: a head with {count} anchors and {classes} labels should be "
            f"(1, {count * (5 + classes)}, rows, columns), the model returned {output.shape}"
        )
    grid = output.reshape(count, 5 + classes, -1)
    anchor, cell = np.nonzero(grid[:, 4] >= least)
    return grid[anchor, :, cell], _places(head, output.shape[2], output.shape[3])[anchor, cell]


@lru_cache(maxsize=16)
def _places(head: Head, rows: int, columns: int) -> np.ndarray:
    """Per anchor and cell of a head (anchors, rows * columns, 5): column, row, half the anchor's sides, stride."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    places = np.empty((len(head.anchors), rows * columns, 5), np.float32)
    places[..., 0], places[..., 1] = column, row
    places[..., 2:4] = np.array(head.anchors)[:, None] / 2
    places[..., 4] = head.stride
    return places


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))
