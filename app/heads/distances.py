"""Decodes rows of the classes' scores and of four distributions: how far it is to the box's left, top, right, bottom.

A distribution has a logit for each of the distances 0, 1, 2, ... in strides, and its mean is the distance.

Source: Li et al., "Generalized Focal Loss", 2020, section 3.2; `gfl_head.py` of NanoDet, where places are the middles
of cells, and its `nanodet_plus_head.py`, where they are the upper left corners.
"""

from typing import Sequence, Tuple

import numpy as np

from app.heads.candidates import Candidates, grid, one_table, pick
from app.modelcard import ModelCard


def decode(
    outputs: Sequence[np.ndarray],
    card: ModelCard,
    shape: Tuple[int, int],
    threshold: float,
    multi_label: bool = False,
) -> Candidates:
    """Candidates of every place that scores enough: see `app.heads.decode`."""
    layout, classes = card.layout, len(card.labels)
    table = one_table(outputs, card, classes + 4 * layout.bins)
    cells, steps = grid(card, shape, table.shape[1])
    places, scores, labels = pick(table[:classes], threshold, multi_label)
    logits = table[classes:, places].T.reshape(-1, 4, layout.bins)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    distances = weights.dot(np.arange(layout.bins, dtype=np.float32)) / weights.sum(axis=2) * steps[places]
    middles = (cells[places] + np.float32(layout.centre)) * steps[places]
    return np.concatenate([middles - distances[:, :2], middles + distances[:, 2:]], axis=1), scores, labels
