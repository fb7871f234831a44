"""What a network's heads should say about a picture: one row for every anchor of every cell, as `loss.py` compares it.

Rows are in the order of the heads, then of the cells' rows and columns, then of the anchors. An object is to be found
by the cell that its centre is in, with every anchor whose sides are at most RATIO times larger or smaller than the
object's, and with the anchor that fits best in any case. (YOLOv3 takes only the last; with several, a small data set is
learned from in fewer steps. The rule of the ratio is that of YOLOv5.)
"""

from typing import NamedTuple

import numpy as np

from models.darknet_table import Network
from tools.train_detector.anchors import shape_iou

RATIO = 4.0
WIDTH = 6  # of a row: centre x and y, width and height in pixels of the input; class; 1 if there is an object


class Grid(NamedTuple):
    """Where the rows of an input of size x size are. cells: (R, 2) column and row. strides: (R, 1), anchors: (R, 2)."""

    cells: np.ndarray
    strides: np.ndarray
    anchors: np.ndarray


def make_grid(network: Network, size: int) -> Grid:
    """The rows of all heads, float32."""
    parts = []
    for head in network.heads:
        side, count = size // head.stride, len(head.anchors)
        row, column = np.divmod(np.arange(side * side), side)
        cells = np.repeat(np.stack([column, row], axis=1), count, axis=0)
        anchors = np.tile(np.array(head.anchors, float), (side * side, 1))
        parts.append((cells, np.full((len(cells), 1), head.stride), anchors))
    return Grid(*(np.concatenate(values).astype(np.float32) for values in zip(*parts)))


def make_targets(network: Network, size: int, boxes: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The rows (R, WIDTH) float32 for a picture with these objects. boxes: (N, 4) x1 y1 x2 y2 in pixels of the input.

    Where two objects want the same row, the one that the anchor fits better has it.
    """
    counts = [(size // head.stride) ** 2 * len(head.anchors) for head in network.heads]
    rows = np.zeros((sum(counts), WIDTH), np.float32)
    if not len(boxes):
        return rows
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    anchors = np.concatenate([np.array(head.anchors, float) for head in network.heads])
    strides = np.repeat([head.stride for head in network.heads], [len(head.anchors) for head in network.heads])
    within = np.concatenate([np.arange(len(head.anchors)) for head in network.heads])
    starts = np.repeat(np.cumsum([0, *counts[:-1]]), [len(head.anchors) for head in network.heads])
    per_cell = np.repeat([len(head.anchors) for head in network.heads], [len(head.anchors) for head in network.heads])
    fit = shape_iou(sides, anchors)
    ratio = sides[:, None] / anchors[None]
    wanted = np.maximum(ratio, 1 / ratio).max(axis=2) < RATIO
    wanted |= fit == fit.max(axis=1, keepdims=True)  # two heads may have the same anchor
    one, anchor = np.nonzero(wanted)
    order = np.argsort(fit[one, anchor], kind="stable")  # the last one that is written stays
    one, anchor = one[order], anchor[order]
    grid = size // strides[anchor]
    column, row = (np.minimum(centres[one] // strides[anchor, None], grid[:, None] - 1)).astype(int).T
    places = starts[anchor] + (row * grid + column) * per_cell[anchor] + within[anchor]
    rows[places] = np.column_stack([centres[one], sides[one], classes[one], np.ones(len(one))])
    return rows
