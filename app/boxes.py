"""Box arithmetic. A box is x1 y1 x2 y2; its area is (x2 - x1) * (y2 - y1), with no pixel added."""

import numpy as np

NMS_BLOCK = 256


def area(boxes: np.ndarray) -> np.ndarray:
    """Areas (N,) of boxes (N, 4). An inverted box has none."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union (N, M) of every box of (N, 4) with every one of (M, 4); 0 where both are empty."""
    sides = np.minimum(boxes[:, None, 2:], others[None, :, 2:]) - np.maximum(boxes[:, None, :2], others[None, :, :2])
    np.maximum(sides, 0, out=sides)
    intersection = sides[..., 0] * sides[..., 1]
    union = area(boxes)[:, None] + area(others)[None] - intersection
    return np.asarray(intersection / np.maximum(union, np.finfo(np.float32).tiny))


def nms(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, threshold: float, agnostic: bool) -> np.ndarray:
    """Greedy non-maximum suppression: positions (K,) of the boxes (N, 4) that remain, highest score first.

    A box is dropped when a higher-scoring one that stays overlaps it with an IoU strictly above `threshold`; of equal
    scores the earlier one counts as the higher. Boxes of different classes never suppress each other unless `agnostic`.
    """

    def suppresses(some: np.ndarray, others: np.ndarray) -> np.ndarray:
        overlapping = iou(boxes[some], boxes[others]) > threshold
        return overlapping if agnostic else overlapping & (classes[some, None] == classes[None, others])

    order = np.argsort(-scores, kind="stable")
    kept = order[:0]
    # Blocks keep the matrix small when a low score lets thousands through; a frame's usual dozens are one block.
    for start in range(0, len(order), NMS_BLOCK):
        block = order[start : start + NMS_BLOCK]
        if kept.size:
            block = block[~suppresses(kept, block).any(axis=0)]
        inside = suppresses(block, block)
        alive = np.ones(len(block), bool)
        for position in range(len(block)):
            if alive[position]:
                alive[position + 1 :] &= ~inside[position, position + 1 :]
        kept = np.concatenate([kept, block[alive]])
    return kept


def clip(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes (N, 4) with every corner moved into the image."""
    return np.asarray(np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype)))
