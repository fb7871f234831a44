"""Decodes the heads of Darknet's family: raw logits in, boxes in pixels of the network's input out.

A head is (1, anchors * (5 + classes), rows, columns): per anchor tx, ty, tw, th, objectness, then one logit per
class. With cell (x, y), stride s, anchor (aw, ah), and the card's scale_x_y k:

    centre = (k * sigmoid(tx) - (k - 1) / 2 + x) * s, and the same of y
    size = exp(tw) * aw, exp(th) * ah; or where the card says "squared", (2 * sigmoid(tw)) ** 2 * aw, ...
    score of class c = sigmoid(objectness) * sigmoid(tc)

Source: Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018, section 2.1; `yolo_layer.c` (`get_yolo_box`,
`forward_yolo_layer`) of AlexeyAB's Darknet for scale_x_y and new_coords, which is "squared".
"""

import math
from functools import lru_cache
from typing import Sequence, Tuple

import numpy as np

from app.errors import ModelError
from app.heads.candidates import LARGEST_EXPONENT, Candidates, sigmoid
from app.layout import Head
from app.modelcard import ModelCard


def decode(
    outputs: Sequence[np.ndarray],
    card: ModelCard,
    shape: Tuple[int, int],
    threshold: float,
    multi_label: bool = False,
) -> Candidates:
    """Candidates of every cell that scores enough: see `app.heads.decode`."""
    heads = card.heads
    if len(outputs) != len(heads):
        raise ModelError(f"the card describes {len(heads)} heads, but the model has {len(outputs)} outputs")
    least = _logit(threshold)
    gathered = [_gather(output, head, len(card.labels), shape, least) for output, head in zip(outputs, heads)]
    cells, places = (np.concatenate(parts) for parts in zip(*gathered))
    corners, anchors, strides = places[:, 0:2], places[:, 2:4], places[:, 4:5]

    if multi_label:
        scores = sigmoid(cells[:, 4:5]) * sigmoid(cells[:, 5:])
    else:
        labels = cells[:, 5:].argmax(axis=1)
        scores = sigmoid(cells[:, 4]) * sigmoid(cells[np.arange(len(cells)), 5 + labels])
    found = np.nonzero(scores >= threshold)
    labels = found[1] if multi_label else labels[found]

    middles = sigmoid(cells[:, 0:2]) * strides + corners
    if heads[0].squared:
        halves = (2 * sigmoid(cells[:, 2:4])) ** 2 * anchors
    else:
        halves = np.exp(np.minimum(cells[:, 2:4], LARGEST_EXPONENT)) * anchors
    boxes = np.concatenate([middles - halves, middles + halves], axis=1)
    return boxes[found[0]], scores[found], labels.astype(np.int32)


def _gather(
    output: np.ndarray, head: Head, classes: int, shape: Tuple[int, int], least: float
) -> Tuple[np.ndarray, np.ndarray]:
    """The cells (K, 5 + classes) of a head whose objectness logit is at least `least`, and their places (K, 5).

    No class can score higher than the objectness, so this one comparison leaves a handful of thousands of cells.
    """
    count = len(head.anchors)
    if output.ndim != 4 or output.shape[0] != 1 or output.shape[1] != count * (5 + classes):
        raise ModelError(
            f"the card does not fit the model: a head with {count} anchors and {classes} labels should be "
            f"(1, {count * (5 + classes)}, rows, columns), the model returned {output.shape}"
        )
    expected = (shape[0] // head.stride, shape[1] // head.stride)
    if output.shape[2:] != expected:
        raise ModelError(
            f"the card does not fit the model: with stride {head.stride}, an input of {shape} should produce a "
            f"head of {expected}, not {output.shape[2:]}"
        )
    grid = output.reshape(count, 5 + classes, -1)
    anchor, cell = np.nonzero(grid[:, 4] >= least)
    return grid[anchor, :, cell], _places(head, output.shape[2], output.shape[3])[anchor, cell]


@lru_cache(maxsize=16)
def _places(head: Head, rows: int, columns: int) -> np.ndarray:
    """Per anchor and cell of a head (anchors, rows * columns, 5): where a centre may lie, and how large it is.

    The least x and y of the centre, half the anchor's sides, and how far the centre can move, in pixels of the input.
    """
    row, column = np.divmod(np.arange(rows * columns), columns)
    stride = head.stride
    before = (head.scale_x_y - 1) / 2  # of a cell
    places = np.empty((len(head.anchors), rows * columns, 5), np.float32)
    places[..., 0], places[..., 1] = (column - before) * stride, (row - before) * stride
    places[..., 2:4] = np.array(head.anchors)[:, None] / 2
    places[..., 4] = head.scale_x_y * stride
    return places


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))
