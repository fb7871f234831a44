"""Which detection belongs to which track: similarities of boxes, and pairs of what is most similar.

Boxes here are (N, 4) float64: x and y of the centre, width, height, in pixels.
"""

from typing import Tuple

import numpy as np

PACE = 0.8  # heights in a second that a thing may move in any direction: a walk is 1.4 m/s, people are 1.7 m tall
FARTHEST_OUT = 1e6  # pixels; a corner is taken to be no further out


def from_corners(corners: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) of x1, y1, x2, y2, as they are here, with sides above 0."""
    corners = corners.astype(np.float64)
    if not (np.abs(corners) <= FARTHEST_OUT).all():
        # A network that overflows says nan or inf of a box, which would spoil all similarities.
        corners = np.clip(np.nan_to_num(corners), -FARTHEST_OUT, FARTHEST_OUT)
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 1e-3)
    return np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, sides], axis=1)


def to_corners(boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) as x1, y1, x2, y2."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def buffered_iou(tracks: np.ndarray, found: np.ndarray, buffer: float) -> np.ndarray:
    """IoU (N, M) of every box of (N, 4) with every one of (M, 4), each enlarged on all sides by `buffer` of its size.

    So boxes of things that move far between two frames still overlap. (C-BIoU: Yang et al., "Hard to track objects with
    irregular motions and similar appearances? Make it easier by buffering the matching space", WACV 2023.)
    """
    scale = 1 + 2 * buffer
    tracks, found = tracks[:, None], found[None]
    sides, others = tracks[..., 2:] * scale, found[..., 2:] * scale
    overlap = np.minimum((sides + others) / 2 - np.abs(tracks[..., :2] - found[..., :2]), np.minimum(sides, others))
    np.maximum(overlap, 0, out=overlap)
    intersection = overlap[..., 0] * overlap[..., 1]
    union = sides[..., 0] * sides[..., 1] + others[..., 0] * others[..., 1] - intersection
    return np.asarray(intersection / union)


def foot_distance(tracks: np.ndarray, found: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Distance (N, M) of the bottom centres of tracks (N, 4) and detections (M, 4), in widths and heights of the track.

    These are enlarged on all sides by `reach` (N,) heights of it, which is how far it may have gone. To the distance
    comes how much the heights differ, as the logarithm of their ratio.
    """
    further = 2 * reach[:, None] * tracks[:, 3, None]
    tracks, found = tracks[:, None], found[None]
    across = (found[..., 0] - tracks[..., 0]) / (tracks[..., 2] + further)
    down = (found[..., 1] + found[..., 3] / 2 - tracks[..., 1] - tracks[..., 3] / 2) / (tracks[..., 3] + further)
    taller = np.log(found[..., 3] / tracks[..., 3])
    return np.asarray(np.sqrt(across * across + down * down + taller * taller))


def pairs(similarity: np.ndarray, least: float) -> Tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pairs that are made of (N, M), the most similar first: each row and column at most once,
    and none with a similarity below `least`, which is above 0. Changes `similarity`.

    What is each other's best is a pair at once, so a few rounds make all of them. The result is that of going through
    all entries from the highest to the lowest; of equal ones the first counts as higher.
    """
    similarity[similarity < least] = 0
    rows, columns = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    left, all_rows = min(similarity.shape), np.arange(len(similarity))
    while left:
        best = similarity.argmax(axis=1)
        mutual = similarity.argmax(axis=0)[best] == all_rows
        mutual &= similarity[all_rows, best] > 0
        chosen = mutual.nonzero()[0]
        if not chosen.size:
            break
        rows.append(chosen)
        columns.append(best[chosen])
        left -= chosen.size
        if left:
            similarity[chosen] = 0
            similarity[:, columns[-1]] = 0
    return np.concatenate(rows), np.concatenate(columns)
