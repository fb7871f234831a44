"""A small model's card, and heads made by hand for it."""

import numpy as np

from app.layout import Head
from app.modelcard import ModelCard

LABELS = ("person", "dog", "car")
CARD = ModelCard(
    name="small",
    sha256="0" * 64,
    labels=LABELS,
    heads=(Head(32, ((80.0, 80.0), (130.0, 160.0))), Head(16, ((20.0, 30.0), (40.0, 60.0)))),
    multiple=32,
    scale=1 / 255,
)
QUIET = -20.0  # a logit that says no


def quiet_heads(height, width):
    """Heads for an input of this height and width in which there is nothing."""
    return [
        np.full(
            (1, len(head.anchors) * (5 + len(LABELS)), height // head.stride, width // head.stride), QUIET, np.float32
        )
        for head in CARD.heads
    ]


def plant(heads, label, centre, size, score=0.8, head=0, anchor=0):
    """Put an object into a head: label by number, centre and size (x, y) in pixels of the input."""
    stride, anchors = CARD.heads[head][:2]
    cells = heads[head].reshape(len(anchors), 5 + len(LABELS), *heads[head].shape[2:])
    column, row = int(centre[0] // stride), int(centre[1] // stride)
    inside = np.array([centre[0] / stride - column, centre[1] / stride - row])
    cell = cells[anchor, :, row, column]
    cell[0:2] = np.log(inside / (1 - inside))
    cell[2:4] = np.log(np.array(size) / np.array(anchors[anchor]))
    cell[4] = np.log(score / (1 - score))
    cell[5 + label] = 20.0
