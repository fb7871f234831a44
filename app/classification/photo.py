"""A photograph of one character as a picture of the data set EMNIST: 28x28 pixels, white ink on black.

EMNIST blurs a scanned character, crops it to its ink, centres that in a square with a margin, and scales it to 28x28
(Cohen et al. 2017, "EMNIST: an extension of MNIST to handwritten letters", section II). `ink.py` first makes of the
photograph what the scan was.
"""

import cv2
import numpy as np

from app.classification.ink import LEAST_CONTRAST, crop, find_character, stroke_width
from app.errors import SourceError

SIDE = 28  # height and width of EMNIST's pictures in pixels

# Measured on the first 600 of EMNIST's test pictures. Let `ratio` be the width of the strokes, as a share of the longer
# side of the ink. That side, between the points of half brightness, is 25.1 - 20 * ratio pixels with a deviation of
# 0.9: the margin was the same for all, so that small characters, whose strokes are as wide, got more of it in the end.
# RATIOS leave out the thinnest 6 % and the thickest 1 %. Outlines drawn so look most like the pictures when blurred by
# BLUR.
LARGEST_SIDE, SIDE_PER_RATIO = 25.1, 20.0  # pixels
RATIOS = (0.09, 0.26)
BLUR = 0.45  # standard deviation in pixels
FINE = 8  # drawn so many times as large, and then scaled down


def as_emnist(image: np.ndarray) -> np.ndarray:
    """The character in a photograph (h, w, 3) uint8 BGR as EMNIST would show it: (28, 28) uint8, white on black.

    Dark on light or light on dark, anywhere in the picture, upright. A picture of 28x28 pixels is taken for one of
    EMNIST's, and only inverted where it is dark on light. Raises SourceError where there is no character.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if grey.shape == (SIDE, SIDE):
        if int(grey.max()) - int(grey.min()) >= LEAST_CONTRAST:
            return np.asarray(255 - grey if np.median(grey) > 127 else grey)
    else:
        mask = find_character(grey)
        if mask is not None:
            return render(mask)
    raise SourceError("no character found; photograph a single one, upright, larger, and on plain paper")


def render(mask: np.ndarray) -> np.ndarray:
    """The ink of a character, a mask (h, w) uint8 cropped to it, as EMNIST's picture: (28, 28) uint8.

    Strokes much thinner or thicker than EMNIST's are made as wide as its thinnest or thickest.
    """
    longest = SIDE * FINE
    scaled = _scaled(mask, longest)
    pad = longest // 8  # room for thicker strokes
    scaled = np.asarray(cv2.copyMakeBorder(scaled, pad, pad, pad, pad, cv2.BORDER_CONSTANT))
    ink = _binary(scaled, 0)
    if stroke_width(ink) > FINE:  # else the blur would break thin strokes, which get round when they are widened
        ink = _binary(np.asarray(cv2.GaussianBlur(scaled, (0, 0), FINE / 4)), 127)  # no steps of enlarged pixels
    ratio = stroke_width(ink) / longest
    wanted = min(max(ratio, RATIOS[0]), RATIOS[1])
    ink = _widened(ink, (wanted - ratio) * longest)
    ink = _scaled(ink[crop(ink)], int(round((LARGEST_SIDE - SIDE_PER_RATIO * wanted) * FINE)))
    height, width = ink.shape
    top, left = (longest - height) // 2, (longest - width) // 2
    canvas = np.zeros((longest, longest), np.uint8)
    canvas[top : top + height, left : left + width] = ink
    blurred = cv2.GaussianBlur(canvas, (0, 0), BLUR * FINE)
    return np.asarray(cv2.resize(blurred, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _scaled(image: np.ndarray, longer: int) -> np.ndarray:
    """A picture (h, w) uint8 with a longer side of so many pixels."""
    scale = longer / max(image.shape)
    width, height = (max(1, int(round(side * scale))) for side in image.shape[::-1])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method))


def _widened(mask: np.ndarray, pixels: float) -> np.ndarray:
    """A mask whose strokes are wider by so many pixels, or narrower where that is below 0, but never gone."""
    if pixels > 0:
        return _binary(-cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5), -pixels / 2)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return _binary(distance, min(-pixels / 2, 0.8 * float(distance.max())))


def _binary(values: np.ndarray, threshold: float) -> np.ndarray:
    return np.where(values > threshold, 255, 0).astype(np.uint8)
