"""Finds the one character in a photograph: ink told from paper in any light, without specks and ruled lines."""

from typing import List, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from app.classification.levels import median_level, noise_level, ranked

WORK = 768  # pixels of the longer side at which ink is looked for
PAPER = 320  # pixels of the longer side at which the light on the paper is estimated
WIDEST_STROKE = PAPER // 4  # pixels there; what is wider is no ink
LEAST_CONTRAST = 14.0  # of 255: less between ink and paper is called blank
NOISE_FACTOR = 5.0  # how many standard deviations of the paper's noise the contrast has to have as well
LOW, HIGH = 0.3, 0.5  # of the ink's contrast: what has more than LOW is ink where a pixel that it touches has HIGH
LEAST_AREA = 100  # pixels of ink
LEAST_SIDE = 0.02  # of the picture's longer side; a smaller mark is a speck, and no character
LINE = 5  # pixels: the most that a ruled line's pixels are away from it
LINE_SPAN = 0.98  # of the picture's width or height: the least that a ruled line reaches over
LINE_CONTRAST = 1.5  # of a ruled line's contrast: what has more is ink that crosses it
# The least area of a part of a character, as a share of the largest part's: above or below that, as the dot of an i is,
# and to its left or right; and how far away it may be, as a share of the character's longer side.
LEAST_ABOVE, LEAST_BESIDE, NEAR = 0.012, 0.04, 0.6
LEAST_DOT = 0.4  # of the square of the stroke's width: a touch of the pen is no smaller
WIDEST_RATIO, BLOB = 0.4, 0.1  # strokes wider than that share of the longer side are hardly any: counted by BLOB
EDGE = 2.5  # how much the share of the picture's edge that something covers counts against it


class Candidate(NamedTuple):
    """mask: (h, w) uint8, 0 or 255, cropped to the ink. weight: how likely it is the character, for comparisons."""

    mask: np.ndarray
    weight: float


def find_character(grey: np.ndarray) -> Optional[np.ndarray]:
    """The ink of the character in a grey picture (h, w) uint8: a mask (h, w) uint8, 0 or 255, cropped to it.

    Ink may be darker or lighter than the paper. None where there is no character.
    """
    grey = _resized(grey, WORK, cv2.INTER_CUBIC)
    small = _resized(grey, PAPER, cv2.INTER_LINEAR)
    around = cv2.resize(cv2.medianBlur(small, PAPER // 2 + 1), grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    # The gaps between dark strokes look like light ones, but are as light as what is around, or most of the picture.
    usual = np.float32(median_level(grey))
    darker, lighter = np.minimum(around, usual) - grey, grey - np.maximum(around, usual)
    found = _candidates(_contrast(grey, False), darker) + _candidates(_contrast(grey, True), lighter)
    return max(found, key=lambda candidate: candidate.weight).mask if found else None


def stroke_width(mask: np.ndarray) -> float:
    """The mean width of the strokes of a mask (h, w) uint8 in pixels.

    Across a stroke of width w the distance to the nearest paper is 1, 2, ... w / 2, ... 2, 1: its mean is (w + 2) / 4.
    """
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return max(1.0, 4 * float(distance[mask > 0].mean()) - 2)


def crop(mask: np.ndarray) -> Tuple[slice, slice]:
    """The rows and the columns of a mask (h, w), not empty, that its ink spans."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _resized(image: np.ndarray, longer: int, enlarge: int) -> np.ndarray:
    scale = longer / max(image.shape)
    width, height = (max(1, int(round(side * scale))) for side in image.shape[::-1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else enlarge))


def _contrast(grey: np.ndarray, lighter: bool) -> np.ndarray:
    """How much each pixel of a picture (h, w) uint8 differs from the paper: (h, w) float32, about 0 for paper, and up
    to 255 for ink, which is darker or, for chalk on a board, lighter.
    """
    if lighter:
        grey = 255 - grey
    small = cv2.medianBlur(_resized(grey, PAPER, cv2.INTER_LINEAR), 3)
    # The paper is what lies between strokes, which a closing fills; it leaves the edges of shadows where they are.
    around = (WIDEST_STROKE,) * 4
    paper = cv2.copyMakeBorder(small, *around, borderType=cv2.BORDER_REPLICATE)
    paper = cv2.morphologyEx(paper, cv2.MORPH_CLOSE, np.ones((WIDEST_STROKE, WIDEST_STROKE), np.uint8))
    paper = paper[WIDEST_STROKE:-WIDEST_STROKE, WIDEST_STROKE:-WIDEST_STROKE]
    paper = cv2.erode(paper, np.ones((3, 3), np.uint8))  # enlarged, the edge of a shadow would look like a thin stroke
    paper = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    # Dark ink reflects the same share of the light everywhere, in a shadow too.
    contrast = paper - grey if lighter else 255 - grey * (255 / np.maximum(paper, 1))
    contrast = cv2.GaussianBlur(contrast, (0, 0), 1)
    return np.asarray(contrast - ranked(contrast, (contrast.size - 1) // 2, contrast.size // 2))


def _candidates(contrast: np.ndarray, difference: np.ndarray) -> List[Candidate]:
    """The most likely character of all, and the one without all that touches the picture's edge, as a desk round a
    sheet does; fewer where there is none.
    """
    noise = None
    found = []
    for _ in range(2):
        place = contrast.size - LEAST_AREA
        peak = float(ranked(contrast, place, place))
        if peak < LEAST_CONTRAST:
            break
        noise = noise_level(contrast) if noise is None else noise  # of the first: later, parts of it are missing
        if peak < NOISE_FACTOR * noise:
            break
        mask = _without_lines(contrast > LOW * peak, contrast)
        _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        inked = np.zeros(len(boxes), bool)
        inked[labels[(contrast > HIGH * peak) & mask]] = True
        chosen = _choose(labels, boxes, inked)
        if chosen is not None:
            found.append(_candidate(chosen, contrast, difference))
        outside = np.zeros(len(boxes), bool)
        outside[_edge(labels)] = True
        outside[0] = False
        if not outside.any():
            break
        near = cv2.dilate(outside[labels].astype(np.uint8), np.ones((9, 9), np.uint8))
        contrast = np.where(near > 0, 0, contrast)
    return found


def _edge(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _without_lines(mask: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """A mask without the lines of ruled or squared paper, which go from one side of the picture to the other."""
    mask = mask.copy()
    for across, levels in ((mask, contrast), (mask.T, contrast.T)):  # views: what changes is the mask
        width = across.shape[1]
        run = np.ones((1, max(3, width // 12)), np.uint8)
        runs = cv2.morphologyEx(np.ascontiguousarray(across, np.uint8), cv2.MORPH_OPEN, run)
        joined = cv2.dilate(runs, run)
        if np.count_nonzero(joined.any(axis=0)) < LINE_SPAN * width:
            continue  # the usual case, and finding the parts takes long
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        for index in range(1, count):
            if boxes[index, cv2.CC_STAT_WIDTH] < LINE_SPAN * width:
                continue
            line = (runs > 0) & (labels == index)
            y, x = np.nonzero(line & (line.sum(axis=0) <= LINE))  # where it is thin: not where ink lies along it
            for _ in range(2):  # once more, without what only touches it
                if len(y) < 0.5 * width or np.ptp(x) == 0:
                    break
                slope, offset = np.polyfit(x, y, 1)
                on_it = np.abs(y - slope * x - offset) <= LINE
                y, x = y[on_it], x[on_it]
            else:
                level = np.median(levels[y, x]) if len(y) else 0
                y, x = np.nonzero(across)
                line = (np.abs(y - slope * x - offset) <= LINE) & (levels[y, x] < LINE_CONTRAST * level)
                across[y[line], x[line]] = False
    return mask


def _choose(labels: np.ndarray, boxes: np.ndarray, inked: np.ndarray) -> Optional[np.ndarray]:
    """A boolean mask of the largest part with ink and what belongs to it, as the dot of an i; None where there is none.

    labels: (h, w), the number of the part that a pixel belongs to, 0 for none. boxes: OpenCV's statistics of each.
    inked: (n,) bool.
    """
    height, width = labels.shape
    left, top, wide, high, area = boxes.T
    area = np.where(inked, area, 0)
    area[0] = 0
    main = int(area.argmax())
    longer = max(wide[main], high[main])
    if not area[main] or longer < LEAST_SIDE * max(height, width):
        return None
    beside, above = (
        np.maximum(start, start[main]) - np.minimum(start + length, start[main] + length[main])  # negative: overlapping
        for start, length in ((left, wide), (top, high))
    )
    # The part with the paper next to it, where the picture has some: further away, none is the nearest.
    rows = slice(max(0, top[main] - 1), top[main] + high[main] + 1)
    columns = slice(max(0, left[main] - 1), left[main] + wide[main] + 1)
    dot = LEAST_DOT * stroke_width((labels[rows, columns] == main).astype(np.uint8)) ** 2
    least = np.where(beside > 0, LEAST_BESIDE * area[main], max(LEAST_ABOVE * area[main], dot))
    kept = (area > 0) & (area >= least) & (np.maximum(beside, above) < NEAR * longer)
    kept[main] = True
    return np.asarray(kept[labels])


def _candidate(chosen: np.ndarray, contrast: np.ndarray, difference: np.ndarray) -> Candidate:
    rows, columns = crop(chosen)
    near = np.where(chosen[rows, columns], contrast[rows, columns], 0)
    # Otsu's threshold is right where ink and paper are about as frequent, which they are not in the whole picture.
    levels = np.clip(contrast[rows, columns] * (255 / near.max()), 0, 255).astype(np.uint8)
    threshold = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0]
    mask = np.where((levels > threshold) & (near > 0), 255, 0).astype(np.uint8)
    differs = max(1.0, float(np.median(difference[rows, columns][mask > 0])))
    weight = max(mask.shape) * differs * max(0.05, 1 - EDGE * float(_edge(chosen).mean()))
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    if stroke_width(framed) > WIDEST_RATIO * max(mask.shape):
        weight *= BLOB
    return Candidate(mask[crop(mask)], weight)
