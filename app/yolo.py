"""Decodes YOLO heads: raw logits in, boxes in pixels of the network's input out.

A head is (1, anchors * (5 + classes), rows, columns): per anchor tx, ty, tw, th, objectness, then one logit per
class. With cell (x, y), stride s and anchor (aw, ah):

    centre = (sigmoid(tx) + x) * s, (sigmoid(ty) + y) * s        size = exp(tw) * aw, exp(th) * ah
    score of class c = sigmoid(objectness) * sigmoid(tc)

Source: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018, section 2.1.
"""

import math
from typing import Sequence, Tuple

import numpy as np

from app.errors import ModelError
from app.modelcard import Head

Candidates = Tuple[np.ndarray, np.ndarray, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function, written with tanh because exp overflows."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))


def decode(
    outputs: Sequence[np.ndarray], heads: Sequence[Head], classes: int, threshold: float, multi_label: bool = False
) -> Candidates:
    """Boxes (N, 4) x1 y1 x2 y2, scores (N,) and classes (N,) of every cell that scores at least `threshold`.

    With `multi_label` a cell gives one candidate for each class that reaches the threshold, as scoring wants; without
    it only for its best class, as a viewer wants. Raises ModelError when an output does not have the shape that its
    card's head says.
    """
    if len(outputs) != len(heads):
        raise ModelError("the card describes {} heads, the model has {} outputs".format(len(heads), len(outputs)))
    parts = [_decode_head(output, head, classes, threshold, multi_label) for output, head in zip(outputs, heads)]
    boxes, scores, labels = zip(*parts)
    return np.concatenate(boxes), np.concatenate(scores), np.concatenate(labels)


def _decode_head(output: np.ndarray, head: Head, classes: int, threshold: float, multi_label: bool) -> Candidates:
    anchors = len(head.anchors)
    if output.ndim != 4 or output.shape[0] != 1 or output.shape[1] != anchors * (5 + classes):
        raise ModelError(
            "the card does not fit the model: a head of {} anchors and {} labels is (1, {}, rows, columns), the model "
            "gave {}".format(anchors, classes, anchors * (5 + classes), output.shape)
        )
    rows, columns = output.shape[2:]
    grid = output.reshape(anchors, 5 + classes, rows, columns)

    # No class can score higher than the objectness, so one comparison of logits leaves a handful of cells to decode.
    anchor, row, column = np.nonzero(grid[:, 4] >= _logit(threshold))
    cells = grid[anchor, :, row, column]
    objectness = sigmoid(cells[:, 4])
    if multi_label:
        scores = objectness[:, None] * sigmoid(cells[:, 5:])
        found, labels = np.nonzero(scores >= threshold)
        scores = scores[found, labels]
    else:
        labels = cells[:, 5:].argmax(axis=1)
        scores = objectness * sigmoid(cells[np.arange(len(cells)), 5 + labels])
        found = np.nonzero(scores >= threshold)[0]
        labels, scores = labels[found], scores[found]

    cells = cells[found]
    corner = np.stack([column[found], row[found]], axis=1).astype(np.float32)
    centres = (sigmoid(cells[:, 0:2]) + corner) * head.stride
    with np.errstate(over="ignore"):  # an absurd size becomes infinite, and is clipped to the picture later
        halves = np.exp(cells[:, 2:4]) * np.array(head.anchors, np.float32)[anchor[found]] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1), scores, labels.astype(np.int32)


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))
