"""Decodes a model's outputs into boxes, scores and classes: one module per form of output, chosen by the card."""

from typing import Callable, Dict, Sequence, Tuple

import numpy as np

from app.heads import boxes, darknet, distances, rows
from app.heads.candidates import Candidates
from app.modelcard import ModelCard

Decoder = Callable[[Sequence[np.ndarray], ModelCard, Tuple[int, int], float, bool], Candidates]

DECODERS: Dict[str, Decoder] = {  # the forms are those of `app.layout.FORMS`
    "darknet": darknet.decode,
    "rows": rows.decode,
    "distances": distances.decode,
    "boxes": boxes.decode,
}


def decode(
    outputs: Sequence[np.ndarray],
    card: ModelCard,
    shape: Tuple[int, int],
    threshold: float,
    multi_label: bool = False,
) -> Candidates:
    """Boxes (N, 4) float32 x1 y1 x2 y2 in pixels of the network's input, scores (N,) float32 and classes (N,) int32.

    outputs: the model's, float32, for one image. shape: height and width of the input. Candidates are those that score
    at least `threshold`, before NMS and in no order. With `multi_label` there is one for each class that does, for
    scoring; without it only for the best class of a place, for viewing.

    Raises ModelError when the outputs do not have the shapes that the card describes for such an input.
    """
    return DECODERS[card.form](outputs, card, shape, threshold, multi_label)
