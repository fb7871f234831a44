"""Decodes rows of a box, an objectness where the card has one, and the classes' scores, all after their sigmoids.

A box is the centre x and y, the width and the height, in pixels of the input: YOLOv5 to YOLO26, except where a model
keeps only its best boxes. Where the card has strides, x and y count cells from the corner of the place's own, and the
sides are logarithms of cells, as in YOLOX.

Source: `non_max_suppression` of ultralytics and of YOLOv5; `decode_outputs` in `yolox/models/yolo_head.py` of YOLOX.
"""

from typing import Sequence, Tuple

import numpy as np

from app.heads.candidates import LARGEST_EXPONENT, Candidates, grid, one_table, pick
from app.modelcard import ModelCard


def decode(
    outputs: Sequence[np.ndarray],
    card: ModelCard,
    shape: Tuple[int, int],
    threshold: float,
    multi_label: bool = False,
) -> Candidates:
    """Candidates of every place that scores enough: see `app.heads.decode`."""
    layout = card.layout
    first = 5 if layout.objectness else 4
    table = one_table(outputs, card, first + len(card.labels))
    places, scores, labels = pick(table[first:], threshold, multi_label, table[4] if layout.objectness else None)
    middles, sides = table[0:2, places].T, table[2:4, places].T
    if layout.strides:
        cells, steps = grid(card, shape, table.shape[1])
        middles = (middles + cells[places]) * steps[places]
        sides = np.exp(np.minimum(sides, LARGEST_EXPONENT)) * steps[places]
    halves = sides / 2
    return np.concatenate([middles - halves, middles + halves], axis=1), scores, labels
