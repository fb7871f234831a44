"""The loss of a detector of Darknet's family, written in Keras' operations.

For rows with an object: how much its box differs, by complete IoU (Zheng et al. 2019, "Distance-IoU Loss", equation
10), and the cross-entropy of its class. For all rows the cross-entropy of the objectness, which should be the IoU of
the box that the row found, or 0. All is summed and divided by the number of rows with an object, so that their weight
does not depend on how many cells a picture has (Ge et al. 2021, "YOLOX").
"""

from typing import Any

import numpy as np
from keras import ops

from models.darknet_table import Network
from tools.train_detector.targets import Grid, make_grid

BOX, OBJECTNESS, CLASS = 5.0, 1.0, 1.0  # weights of the parts; 5 is YOLOX's
LARGEST_EXPONENT = 6.0  # of a side: 400 times the anchor, far beyond any picture, but no overflow
TINY = 1e-7


class DetectionLoss:
    """A loss for `model.compile`, of targets (batch, R, 6) and logits (batch, R, 5 + classes); see `targets.py`."""

    __name__ = "detection"

    def __init__(self, network: Network, size: int) -> None:
        self._grid: Grid = make_grid(network, size)
        self._classes = network.classes
        self._squared = network.heads[0].squared
        scales = [
            np.full(((size // head.stride) ** 2 * len(head.anchors), 1), head.scale_x_y) for head in network.heads
        ]
        self._scale = np.concatenate(scales).astype(np.float32)

    def __call__(self, targets: Any, logits: Any) -> Any:
        targets, logits = ops.cast(targets, "float32"), ops.cast(logits, "float32")
        positive = targets[..., 5]
        count = ops.maximum(ops.sum(positive), 1.0)
        found = self.boxes(logits)
        # Rows without an object compare two equal boxes, whose gradients are finite.
        there = positive[..., None]
        wanted = there * targets[..., :4] + (1 - there) * ops.stop_gradient(found)
        iou, complete = complete_iou(wanted, found)
        box = ops.sum(positive * (1 - complete))
        quality = ops.stop_gradient(positive * ops.clip(iou, 0.0, 1.0))
        objectness = ops.sum(cross_entropy(quality, logits[..., 4]))
        kind = ops.one_hot(ops.cast(targets[..., 4], "int32"), self._classes)
        classes = ops.sum(there * cross_entropy(kind, logits[..., 5:]))
        return (BOX * box + OBJECTNESS * objectness + CLASS * classes) / count

    def boxes(self, logits: Any) -> Any:
        """Centre x and y, width and height (batch, R, 4) in pixels of the input, of logits: see `app.heads.darknet`."""
        grid, scale = self._grid, self._scale
        centres = (scale * ops.sigmoid(logits[..., :2]) - (scale - 1) / 2 + grid.cells) * grid.strides
        if self._squared:
            sides = ops.square(2 * ops.sigmoid(logits[..., 2:4])) * grid.anchors
        else:
            sides = ops.exp(ops.minimum(logits[..., 2:4], LARGEST_EXPONENT)) * grid.anchors
        return ops.concatenate([centres, sides], axis=-1)


def cross_entropy(wanted: Any, logits: Any) -> Any:
    """Binary cross-entropy of probabilities with logits, element by element, without overflow."""
    return ops.relu(logits) - logits * wanted + ops.softplus(-ops.abs(logits))


def complete_iou(one: Any, other: Any) -> tuple[Any, Any]:
    """IoU and complete IoU (...,) of boxes (..., 4) given by centre and sides."""
    half, other_half = one[..., 2:] / 2, other[..., 2:] / 2
    low, high = one[..., :2] - half, one[..., :2] + half
    other_low, other_high = other[..., :2] - other_half, other[..., :2] + other_half
    overlap = ops.relu(ops.minimum(high, other_high) - ops.maximum(low, other_low))
    both = overlap[..., 0] * overlap[..., 1]
    union = one[..., 2] * one[..., 3] + other[..., 2] * other[..., 3] - both
    iou = both / (union + TINY)
    hull = ops.maximum(high, other_high) - ops.minimum(low, other_low)
    apart = ops.sum(ops.square(one[..., :2] - other[..., :2]), axis=-1)
    distance = apart / (ops.sum(ops.square(hull), axis=-1) + TINY)
    angle = ops.arctan(one[..., 2] / (one[..., 3] + TINY)) - ops.arctan(other[..., 2] / (other[..., 3] + TINY))
    shape = 4 / np.pi**2 * ops.square(angle)
    weight = ops.stop_gradient(shape / ops.maximum(1 - iou + shape, TINY))
    return iou, iou - distance - weight * shape
