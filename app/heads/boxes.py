"""Decodes rows that begin with the corners of a box: x1 y1 x2 y2.

Either one score and the number of its class follow, for the boxes that the model has chosen itself: `Detect` of
ultralytics with `end2end`. Or the scores of all classes do, of which the first may be the background: SSD (Liu et al.,
2016) as jetson-inference exports it, with boxes in fractions of the input, and DAMO-YOLO, with boxes in pixels.
"""

from typing import Sequence, Tuple

import numpy as np

from app.heads.candidates import Candidates, one_table, pick
from app.modelcard import ModelCard


def decode(
    outputs: Sequence[np.ndarray],
    card: ModelCard,
    shape: Tuple[int, int],
    threshold: float,
    multi_label: bool = False,
) -> Candidates:
    """Candidates of every row that scores enough: see `app.heads.decode`."""
    layout, classes = card.layout, len(card.labels)
    if layout.labelled:
        table = one_table(outputs, card, 6)
        places = np.nonzero((table[4] >= threshold) & (table[5] >= 0) & (table[5] < classes))[0]
        scores, labels = table[4, places], table[5, places].astype(np.int32)
    else:
        first = 5 if layout.background else 4
        table = one_table(outputs, card, first + classes)
        places, scores, labels = pick(table[first:], threshold, multi_label)
    boxes = table[:4, places].T
    return boxes * np.array([shape[1], shape[0]] * 2, np.float32) if layout.fractions else boxes, scores, labels
