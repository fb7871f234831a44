"""Augmentation of labelled pictures in numpy and OpenCV: mosaic, zoom, stretch, shift, mirroring, colour.

A picture is (h, w, 3) uint8 BGR; boxes are (N, 4) float32 x1 y1 x2 y2 in its pixels. Every random choice is made by the
generator that is given: a seed gives the same picture.
"""

from typing import NamedTuple, Sequence

import cv2
import numpy as np

from app.letterbox import GREY

Random = np.random.Generator
ZOOM = (0.6, 1.5)  # of a picture by itself, where 1 fills the input
MOSAIC_ZOOM = (0.35, 1.1)  # of one of four
STRETCH = 0.1  # how much width and height may differ in zoom
MIDDLE = (0.3, 0.7)  # of the input: where four pictures meet
VISIBLE = 0.25  # share of a box that is left in the input, below which it is no object any more
THINNEST = 3.0  # pixels of the input
# Hue, saturation and brightness vary by these shares; the hue by little, since colour tells some classes apart.
HUE, SATURATION, VALUE = 0.015, 0.5, 0.4


class Sample(NamedTuple):
    """A picture with the boxes and classes (N,) int32 of its objects."""

    image: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray


def single(sample: Sample, size: int, flip: bool, rng: Random) -> Sample:
    """One picture, zoomed and shifted, in an input of size x size."""
    canvas = np.full((size, size, 3), GREY, np.uint8)
    return joined(canvas, [_place(sample, canvas, (0, 0, size, size), ZOOM, None, flip, rng)])


def mosaic(samples: Sequence[Sample], size: int, flip: bool, rng: Random) -> Sample:
    """Four pictures that meet at a random point of an input of size x size. Bochkovskiy 2020 (YOLOv4), section 3.3."""
    canvas = np.full((size, size, 3), GREY, np.uint8)
    x, y = (rng.uniform(*MIDDLE, 2) * size).astype(int).tolist()
    areas = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
    return joined(
        canvas, [_place(sample, canvas, area, MOSAIC_ZOOM, (x, y), flip, rng) for sample, area in zip(samples, areas)]
    )


def joined(canvas: np.ndarray, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Sample:
    """The canvas with the boxes and classes of all its parts."""
    boxes, classes = (np.concatenate(values) for values in zip(*parts))
    return Sample(canvas, boxes, classes)


def _place(
    sample: Sample,
    canvas: np.ndarray,
    area: tuple[int, int, int, int],
    zooms: tuple[float, float],
    corner: "tuple[int, int] | None",
    flip: bool,
    rng: Random,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a picture into an area (x1, y1, x2, y2) of the canvas; its boxes and classes that can be seen there.

    corner: a point of the area that a corner of the picture lies on; None for any place.
    """
    (height, width), size = sample.image.shape[:2], canvas.shape[0]
    left, top, right, bottom = area
    zoom = np.exp(rng.uniform(*np.log(zooms))) * size / max(width, height)
    across, down = zoom * np.exp(rng.uniform(-STRETCH, STRETCH, 2))
    shift = rng.random(2)
    w, h = width * across, height * down
    if corner is None:
        x, y = left + shift[0] * (right - left - w), top + shift[1] * (bottom - top - h)
    else:
        x, y = (left if corner[0] == left else right - w), (top if corner[1] == top else bottom - h)
    mirrored = flip and rng.random() < 0.5
    matrix = np.array([[-across if mirrored else across, 0, x + w if mirrored else x], [0, down, y]])
    inside = matrix - [[0, 0, left], [0, 0, top]]
    # OpenCV counts from the middle of the first pixel, boxes from its edge.
    inside[:, 2] += inside[:, :2] @ [0.5, 0.5] - 0.5
    view = canvas[top:bottom, left:right]
    view[:] = cv2.warpAffine(
        sample.image, inside, (right - left, bottom - top), borderMode=cv2.BORDER_CONSTANT, borderValue=(GREY,) * 3
    )
    return _seen(sample, matrix, area)


def _seen(sample: Sample, matrix: np.ndarray, area: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes under an affine map without rotation, cut off at an area, and their classes, where enough is left."""
    scale, shift = np.tile(np.diag(matrix[:, :2]), 2), np.tile(matrix[:, 2], 2)
    boxes = sample.boxes * scale + shift
    boxes[:, [0, 2]] = np.sort(boxes[:, [0, 2]], axis=1)
    limits = np.array(area, float)
    cut = np.clip(boxes, np.tile(limits[:2], 2), np.tile(limits[2:], 2))
    sides, whole = cut[:, 2:] - cut[:, :2], boxes[:, 2:] - boxes[:, :2]
    kept = (sides.min(axis=1, initial=np.inf) >= THINNEST) & (sides.prod(axis=1) >= VISIBLE * whole.prod(axis=1))
    return cut[kept].astype(np.float32), sample.classes[kept]


def colour(image: np.ndarray, rng: Random) -> np.ndarray:
    """Vary hue, saturation and brightness of a picture, each by its own random factor."""
    factors = 1 + rng.uniform(-1, 1, 3) * (HUE, SATURATION, VALUE)
    steps = np.arange(256)
    tables = [
        (steps * factors[0] % 180).astype(np.uint8),  # OpenCV's hue is in half degrees
        (steps * factors[1]).clip(0, 255).astype(np.uint8),
        (steps * factors[2]).clip(0, 255).astype(np.uint8),
    ]
    planes = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV))
    merged = cv2.merge([cv2.LUT(plane, table) for plane, table in zip(planes, tables)])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_HSV2BGR))
