"""Slow, obvious decoders of other families' outputs, from their published formulas: one place at a time, in doubles.

Each returns (box, score, class) of what scores at least `threshold`; a box is x1 y1 x2 y2 in pixels of the input.
"""

import math


def every_place(shape, strides):
    """Column, row and stride of the cells of all grids, row by row; shape: height and width of the input."""
    for stride in strides:
        for row in range(math.ceil(shape[0] / stride)):
            for column in range(math.ceil(shape[1] / stride)):
                yield column, row, stride


def enough(box, scores, threshold, multi_label):
    """The classes of a place that score enough; the best one only without `multi_label`."""
    labels = range(len(scores)) if multi_label else [scores.index(max(scores))]
    return [(box, scores[label], label) for label in labels if scores[label] >= threshold]


def from_middle(x, y, width, height):
    """Corners of a box."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def ultralytics(rows, threshold, multi_label):
    """YOLOv8 and later: a box by its middle in pixels, then the classes."""
    found = []
    for row in rows:
        found += enough(from_middle(*row[:4]), row[4:], threshold, multi_label)
    return found


def yolov5(rows, threshold, multi_label):
    """YOLOv5 to YOLOv7: the same with an objectness, by which the classes are multiplied."""
    found = []
    for row in rows:
        found += enough(from_middle(*row[:4]), [row[4] * score for score in row[5:]], threshold, multi_label)
    return found


def yolox(rows, shape, strides, threshold, multi_label):
    """YOLOX: middle = (offset + cell) * stride, side = exp(logarithm) * stride."""
    found = []
    for row, (column, line, stride) in zip(rows, every_place(shape, strides)):
        middle = (row[0] + column) * stride, (row[1] + line) * stride
        sides = math.exp(row[2]) * stride, math.exp(row[3]) * stride
        found += enough(from_middle(*middle, *sides), [row[4] * score for score in row[5:]], threshold, multi_label)
    return found


def nanodet(rows, shape, strides, classes, bins, centre, threshold, multi_label):
    """NanoDet: a distance is the mean of its distribution, which is a softmax over 0, 1, 2, ... strides."""
    found = []
    for row, (column, line, stride) in zip(rows, every_place(shape, strides)):
        distances = []
        for side in range(4):
            weights = [math.exp(logit) for logit in row[classes + side * bins : classes + (side + 1) * bins]]
            distances.append(sum(number * weight for number, weight in enumerate(weights)) / sum(weights) * stride)
        x, y = (column + centre) * stride, (line + centre) * stride
        box = x - distances[0], y - distances[1], x + distances[2], y + distances[3]
        found += enough(box, row[:classes], threshold, multi_label)
    return found


def ssd(rows, shape, threshold, multi_label):
    """SSD: corners in fractions of the input, then the background and the classes."""
    found = []
    for row in rows:
        box = row[0] * shape[1], row[1] * shape[0], row[2] * shape[1], row[3] * shape[0]
        found += enough(box, row[5:], threshold, multi_label)
    return found
