"""Draws a confusion matrix: a row for each true class, a column for each predicted one, grouped by superclass, if any.

A cell's colour is the share of the row, so a row adds up to 100 %. The colours grow with its square root: mistakes are
a few per cent, and would all be white on a linear scale. Needs OpenCV only.
"""

from typing import List, Sequence, Tuple

import cv2
import numpy as np

CELL = 16  # pixels
NAMES, GROUPS = 118, 126  # most pixels of the column of class names, and those of the superclass names
TITLE, AXIS, SCALE, GAP = 92, 40, 118, 12  # the title, an axis's name, the colour scale and its numbers, between them
FONT = cv2.FONT_HERSHEY_SIMPLEX
FINER = 4  # text is drawn so much larger, then made smaller, which smooths its strokes
INK, FAINT, LINE, EMPTY = (40, 40, 40), (110, 110, 110), (196, 196, 196), (232, 232, 232)
WHITE = (255, 255, 255)
TICKS = (0, 1, 5, 10, 25, 50, 75, 100)  # per cent
# From white by light and deep blue to nearly black, BGR, at equal distances.
STOPS = np.array([(255, 255, 255), (240, 214, 178), (214, 160, 84), (160, 92, 24), (92, 32, 8)], np.float64)
LINES_OF_TEXT = 3  # of a superclass's name

Colour = Tuple[int, int, int]


def draw_confusion(
    counts: np.ndarray,
    labels: Sequence[str],
    superclasses: Sequence[str],
    superclass_of: Sequence[int],
    title: str,
    subtitle: str = "",
) -> np.ndarray:
    """A picture (h, w, 3) uint8 BGR of counts (labels, labels) integers, rows the true classes.

    Rows without an image are grey. superclass_of: the number of each label's superclass; empty where there are none:
    the rows are then in the order of the labels.
    """
    groups_of = superclass_of or [0] * len(labels)
    order = sorted(range(len(labels)), key=lambda label: (groups_of[label], label))
    groups = [groups_of[label] for label in order]
    starts = [n for n, group in enumerate(groups) if n == 0 or group != groups[n - 1]] + [len(order)]
    side = CELL * len(order) + 1
    matrix = _draw_cells(counts[np.ix_(order, order)], starts)
    names = _draw_names(
        [labels[n] for n in order], [superclasses[groups[n]] for n in starts[:-1]] if superclasses else [], starts
    )

    left, bottom = AXIS + names.shape[1], TITLE + side
    canvas = np.full((bottom + names.shape[1] + AXIS, left + side + GAP + SCALE, 3), 255, np.uint8)
    canvas[TITLE:bottom, left : left + side] = matrix
    canvas[TITLE:bottom, AXIS:left] = names
    # Turned to the left, the names end at the cells again: below them, read upwards.
    canvas[bottom : bottom + names.shape[1], left : left + side] = np.rot90(names)
    canvas[TITLE:bottom, :AXIS] = np.rot90(_text_plate("true class", AXIS, side, 0.6, INK))
    canvas[-AXIS:, left : left + side] = _text_plate("predicted class", AXIS, side, 0.6, INK)
    _write(canvas[: TITLE - 36], title, left, 0.95, INK, thickness=2)
    _write(canvas[TITLE - 42 : TITLE - 8], subtitle, left, 0.55, FAINT)
    canvas[TITLE:bottom, -SCALE:] = _draw_scale(side)
    return canvas


def _colours(shares: np.ndarray) -> np.ndarray:
    """BGR uint8 for shares from 0 to 1, a last axis more than they have."""
    places = np.sqrt(shares) * (len(STOPS) - 1)
    channels = [np.interp(places, np.arange(len(STOPS)), STOPS[:, channel]) for channel in range(3)]
    colours: np.ndarray = np.rint(np.stack(channels, -1)).astype(np.uint8)
    return colours


def _draw_cells(counts: np.ndarray, starts: Sequence[int]) -> np.ndarray:
    """The cells, one pixel larger than all of them, with a line between superclasses and a frame round each."""
    totals = counts.sum(axis=1, keepdims=True)
    colours = np.where(totals[:, :, None] > 0, _colours(counts / np.maximum(totals, 1)), np.uint8(EMPTY[0]))
    cells = np.repeat(np.repeat(colours, CELL, 0), CELL, 1)
    side = len(cells) + 1
    picture = np.full((side, side, 3), 255, np.uint8)
    picture[:-1, :-1] = cells
    for start in starts:
        picture[start * CELL] = picture[:, start * CELL] = LINE
    for first, last in zip(starts, starts[1:]):  # mistakes in here stay within the superclass
        cv2.rectangle(picture, (first * CELL, first * CELL), (last * CELL, last * CELL), FAINT, 1)
    cv2.rectangle(picture, (0, 0), (side - 1, side - 1), FAINT, 1)
    return picture


def _draw_names(labels: Sequence[str], groups: Sequence[str], starts: Sequence[int]) -> np.ndarray:
    """The names beside the rows: superclasses, if any, at the left, classes at the right, ending at the cells."""
    left = GROUPS if groups else 0
    width = min(NAMES, max(_width(_readable(label), 0.41) for label in labels) + 16)
    picture = np.full((CELL * len(labels) + 1, left + width, 3), 255, np.uint8)
    for row, label in enumerate(labels):
        place = picture[row * CELL : (row + 1) * CELL, left:]
        _write(place, _readable(label), 0, 0.41, INK, right=6)
    for group, first, last in zip(groups, starts, starts[1:]):
        picture[first * CELL] = LINE
        lines = _wrap(_readable(group), GROUPS - 8)
        middle = (first + last) * CELL // 2
        for number, line in enumerate(lines):
            top = middle + CELL * (2 * number - len(lines)) // 2
            place = picture[max(0, top) : top + CELL, :GROUPS]
            _write(place, line, 4, 0.42, FAINT)
    if groups:
        picture[-1] = LINE
    return picture


def _draw_scale(height: int) -> np.ndarray:
    """The colour scale, 100 % at the top, and what it shows."""
    picture = np.full((height, SCALE, 3), 255, np.uint8)
    top, bar = 44, 22
    length = min(height - top - 10, 640)
    shares = np.linspace(1, 0, length) ** 2  # even steps of colour
    picture[top : top + length, :bar] = _colours(shares)[:, None]
    cv2.rectangle(picture, (0, top), (bar, top + length), FAINT, 1)
    _write(picture[: top // 2], "share of the", 0, 0.42, FAINT)
    _write(picture[top // 2 - 4 : top - 4], "true class", 0, 0.42, FAINT)
    for percent in TICKS:
        y = int(round(top + length * (1 - (percent / 100) ** 0.5)))
        cv2.line(picture, (bar, y), (bar + 5, y), FAINT, 1)
        _write(picture[max(0, y - 9) : y + 9], f"{percent} %", bar + 10, 0.42, INK)
    return picture


def _text_plate(text: str, height: int, width: int, scale: float, colour: Colour) -> np.ndarray:
    plate = np.full((height, width, 3), 255, np.uint8)
    _write(plate, text, (width - _width(text, scale)) // 2, scale, colour)
    return plate


def _write(
    place: np.ndarray, text: str, left: int, scale: float, colour: Colour, right: int = -1, thickness: int = 1
) -> None:
    """Write one line in the middle of a white strip (h, w, 3), from `left`, or so as to end `right` before its end."""
    height, width = place.shape[:2]
    text = text.encode("ascii", "replace").decode()  # OpenCV's font has nothing else
    strokes = int(round(thickness * (2 + 2 * scale)))
    size, _ = cv2.getTextSize(text, FONT, scale * FINER, strokes)
    x = left * FINER if right < 0 else (width - right) * FINER - size[0]
    capital = cv2.getTextSize("A", FONT, scale * FINER, strokes)[0][1]
    large = np.full((height * FINER, width * FINER, 3), 255, np.uint8)
    cv2.putText(large, text, (x, (height * FINER + capital) // 2), FONT, scale * FINER, colour, strokes, cv2.LINE_AA)
    place[:] = np.minimum(place, cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA))


def _width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, FONT, scale, 1)[0][0])


def _readable(name: str) -> str:
    return name.replace("_", " ")


def _wrap(text: str, width: int) -> List[str]:
    """The words of a superclass's name in lines of at most `width` pixels, where no word is longer."""
    lines: List[str] = []
    for word in text.split():
        if lines and _width(lines[-1] + " " + word, 0.42) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines[:LINES_OF_TEXT]
