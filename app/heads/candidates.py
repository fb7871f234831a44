"""What every decoder returns, and what several of them compute."""

from functools import lru_cache
from typing import Optional, Sequence, Tuple

import numpy as np

from app.errors import ModelError
from app.modelcard import ModelCard

Candidates = Tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes, scores and classes: see `app.heads.decode`
LARGEST_EXPONENT = 20.0  # far beyond any image, but its square still fits a float32


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function, written with tanh because exp overflows."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))


def one_table(outputs: Sequence[np.ndarray], card: ModelCard, channels: int) -> np.ndarray:
    """A view (channels, places) of the one output that the card describes. Raises ModelError for any other."""
    shapes = [output.shape for output in outputs]
    axis = 1 if card.layout.channels_first else 2
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 1 or shapes[0][axis] != channels:
        expected = f"(1, {channels}, places)" if axis == 1 else f"(1, places, {channels})"
        raise ModelError(
            f"the card does not fit the model: with {len(card.labels)} labels it should have one output of {expected}, "
            f"not {', '.join(map(str, shapes))}"
        )
    return np.asarray(outputs[0][0] if axis == 1 else outputs[0][0].T)


def pick(
    scores: np.ndarray, threshold: float, multi_label: bool, objectness: Optional[np.ndarray] = None
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, scores and classes (N,) of what scores at least `threshold`: of `scores` (classes, places) float32.

    They are multiplied by the `objectness` (places,) where there is one. One maximum over the classes, or a look at
    the objectness, leaves a handful of thousands of places for all other work.
    """
    near = np.nonzero((scores.max(axis=0) if objectness is None else objectness) >= threshold)[0]
    kept = scores[:, near] if objectness is None else scores[:, near] * objectness[near]
    if multi_label:
        labels, found = np.nonzero(kept >= threshold)
    else:
        labels = kept.argmax(axis=0)
        found = np.nonzero(kept[labels, np.arange(len(near))] >= threshold)[0]
        labels = labels[found]
    return near[found], kept[labels, found], labels.astype(np.int32)


def grid(card: ModelCard, shape: Tuple[int, int], places: int) -> Tuple[np.ndarray, np.ndarray]:
    """Column and row (places, 2) float32 of each place in its grid, and that grid's stride (places, 1) float32.

    shape: height and width of the input. Raises ModelError where the card's grids have another number of cells.
    """
    cells, steps = _grid(card.layout.strides, shape)
    if len(cells) != places:
        raise ModelError(
            f"the card does not fit the model: with strides {', '.join(map(str, card.layout.strides))} an input of "
            f"{shape} should produce {len(cells)} places, not {places}"
        )
    return cells, steps


@lru_cache(maxsize=16)
def _grid(strides: Tuple[int, ...], shape: Tuple[int, int]) -> Tuple[np.ndarray, np.ndarray]:
    cells, steps = [], []
    for stride in strides:
        # The last cell may be cut off: NanoDet-Plus has a stride of 64 and is used at 416.
        rows, columns = np.mgrid[: -(-shape[0] // stride), : -(-shape[1] // stride)]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        steps.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(steps).astype(np.float32)
