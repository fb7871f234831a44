"""Slow, obvious versions of what the program does fast: plain loops over plain numbers, in double precision."""

import math

import numpy as np


def iou(one, other):
    """Intersection over union of two boxes x1 y1 x2 y2; 0 where both are empty."""

    def area(box):
        return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)

    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    intersection = width * height if width > 0 and height > 0 else 0.0
    union = area(one) + area(other) - intersection
    return intersection / union if union > 0 else 0.0


def nms(boxes, scores, classes, threshold, agnostic):
    """Positions of the boxes that stay, highest score first; of equal scores the earlier comes first."""
    kept = []
    for candidate in sorted(range(len(scores)), key=lambda position: (-scores[position], position)):
        rivals = [keeper for keeper in kept if agnostic or classes[keeper] == classes[candidate]]
        if all(iou(boxes[keeper], boxes[candidate]) <= threshold for keeper in rivals):
            kept.append(candidate)
    return kept


def sigmoid(x):
    """Logistic function."""
    return 1 / (1 + math.exp(-x))


def decode(outputs, heads, classes, threshold, multi_label):
    """(box, score, class) of every cell that scores at least `threshold`; heads are (stride, anchors)."""
    found = []
    for output, (stride, anchors) in zip(outputs, heads):
        rows, columns = output.shape[2:]
        for anchor, (anchor_width, anchor_height) in enumerate(anchors):
            first = anchor * (5 + classes)
            for row in range(rows):
                for column in range(columns):
                    cell = [float(output[0, first + channel, row, column]) for channel in range(5 + classes)]
                    scores = [sigmoid(cell[4]) * sigmoid(logit) for logit in cell[5:]]
                    centre_x = (sigmoid(cell[0]) + column) * stride
                    centre_y = (sigmoid(cell[1]) + row) * stride
                    width = math.exp(cell[2]) * anchor_width
                    height = math.exp(cell[3]) * anchor_height
                    box = (centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2)
                    labels = range(classes) if multi_label else [scores.index(max(scores))]
                    found += [(box, scores[label], label) for label in labels if scores[label] >= threshold]
    return found


def percentile(values, percent):
    """The smallest value that `percent` of all values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def contrast(one, other):
    """Contrast ratio of two BGR colours, WCAG 2."""

    def luminance(colour):
        linear = []
        for channel in colour:
            value = channel / 255
            linear.append(value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4)
        return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def convolve(x, kernel, bias):
    """Convolution (channels, h, w) -> (filters, h, w) with stride 1 and the same size, pixel by pixel."""
    size = kernel.shape[2]
    padded = np.pad(x, ((0, 0), (size // 2, size // 2), (size // 2, size // 2)), "constant")
    out = np.zeros((len(kernel),) + x.shape[1:])
    for row in range(x.shape[1]):
        for column in range(x.shape[2]):
            patch = padded[:, row : row + size, column : column + size]
            out[:, row, column] = kernel.reshape(len(kernel), -1).dot(patch.ravel()) + bias
    return out


def max_pool(x, stride):
    """Max pool 2x2. With stride 1 the missing row and column at the bottom and right never win."""
    padded = np.pad(x, ((0, 0), (0, 1), (0, 1)), "constant", constant_values=-np.inf)
    out = np.zeros((len(x), x.shape[1] // stride, x.shape[2] // stride))
    for row in range(out.shape[1]):
        for column in range(out.shape[2]):
            top, left = row * stride, column * stride
            out[:, row, column] = padded[:, top : top + 2, left : left + 2].max(axis=(1, 2))
    return out


def run_table(table, convolutions, image):
    """All layers of models.yolov3_tiny.TABLE by name, from an image (3, h, w)."""
    remaining = iter(convolutions)
    layers = {"images": np.asarray(image, np.float64)}
    for layer in table:
        kind = type(layer).__name__
        if kind == "Conv":
            convolution = next(remaining)
            out = convolve(layers[layer.source], convolution.kernel.astype(np.float64), convolution.bias)
            layers[layer.name] = out if layer.name in ("coarse", "fine") else np.where(out > 0, out, 0.1 * out)
        elif kind == "MaxPool":
            layers[layer.name] = max_pool(layers[layer.source], layer.stride)
        elif kind == "Upsample":
            layers[layer.name] = np.kron(layers[layer.source], np.ones((1, 2, 2)))
        else:
            layers[layer.name] = np.concatenate([layers[source] for source in layer.sources])
    return layers


def resample_aligned(image, width, height):
    """Bilinear resampling with aligned corners, first the width, then the height, as Darknet's `resize_image` does.

    image: (h, w, 3) float. The corner pixels of the result are exactly those of the picture.
    """

    def along_columns(pixels, length):
        last = pixels.shape[1] - 1
        places = np.arange(length) * (last / (length - 1)) if length > 1 else np.zeros(1)
        left = np.minimum(places.astype(int), last)
        right = np.minimum(left + 1, last)
        part = (places - left)[None, :, None]
        return (1 - part) * pixels[:, left] + part * pixels[:, right]

    return along_columns(along_columns(image, width).transpose(1, 0, 2), height).transpose(1, 0, 2)


def darknet_tensor(image, letterbox):
    """What Darknet feeds its network: (1, 3, height, width) RGB in 0..1 on grey 0.5, from (h, w, 3) uint8 BGR."""
    canvas = np.full((letterbox.height, letterbox.width, 3), 0.5)
    bottom, right = letterbox.top + letterbox.scaled_height, letterbox.left + letterbox.scaled_width
    rgb = image[:, :, ::-1].astype(float) / 255
    resampled = resample_aligned(rgb, letterbox.scaled_width, letterbox.scaled_height)
    canvas[letterbox.top : bottom, letterbox.left : right] = resampled
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32)
