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
    """(box, score, class) of every cell that scores at least `threshold`; heads are those of a card."""
    found = []
    for output, (stride, anchors, scale_x_y, squared) in zip(outputs, heads):
        rows, columns = output.shape[2:]

        def side(logit, anchor, squared=squared):
            return (2 * sigmoid(logit)) ** 2 * anchor if squared else math.exp(logit) * anchor

        for anchor, (anchor_width, anchor_height) in enumerate(anchors):
            first = anchor * (5 + classes)
            for row in range(rows):
                for column in range(columns):
                    cell = [float(output[0, first + channel, row, column]) for channel in range(5 + classes)]
                    scores = [sigmoid(cell[4]) * sigmoid(logit) for logit in cell[5:]]
                    centre_x = (sigmoid(cell[0]) * scale_x_y - (scale_x_y - 1) / 2 + column) * stride
                    centre_y = (sigmoid(cell[1]) * scale_x_y - (scale_x_y - 1) / 2 + row) * stride
                    width, height = side(cell[2], anchor_width), side(cell[3], anchor_height)
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


def convolve(x, kernel, bias, stride=(1, 1), padding=None, dilation=1, groups=1):
    """Convolution (channels, h, w) -> (filters, h, w), pixel by pixel; by default the size stays."""
    size, members = kernel.shape[2], len(kernel) // groups
    padding = size // 2 if padding is None else padding
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)), "constant")
    extent = dilation * (size - 1) + 1
    rows, columns = ((side - extent) // step + 1 for side, step in zip(padded.shape[1:], stride))
    out = np.zeros((len(kernel), rows, columns))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride[0], column * stride[1]
            patch = padded[:, top : top + extent : dilation, left : left + extent : dilation]
            for group, part in enumerate(np.split(patch, groups)):
                own = slice(group * members, (group + 1) * members)
                out[own, row, column] = kernel[own].reshape(members, -1).dot(part.ravel()) + bias[own]
    return out


def max_pool(x, size, stride, padding):
    """Max pool as Darknet computes it: from -padding // 2 on, and what is outside never wins."""
    rows, columns = ((side + padding - size) // step + 1 for side, step in zip(x.shape[1:], stride))
    out = np.full((len(x), rows, columns), -np.inf)
    for row in range(rows):
        for column in range(columns):
            for y in range(row * stride[0] - padding // 2, row * stride[0] - padding // 2 + size):
                for left in range(column * stride[1] - padding // 2, column * stride[1] - padding // 2 + size):
                    if 0 <= y < x.shape[1] and 0 <= left < x.shape[2]:
                        out[:, row, column] = np.maximum(out[:, row, column], x[:, y, left])
    return out


ACTIVATIONS = {
    "leaky": lambda x: x if x > 0 else 0.1 * x,
    "logistic": sigmoid,
    "mish": lambda x: x * math.tanh(math.log(1 + math.exp(x))),
    "swish": lambda x: x * sigmoid(x),
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "ramp": lambda x: (x if x > 0 else 0.0) + 0.1 * x,
    "tanh": math.tanh,
    "elu": lambda x: x if x >= 0 else math.exp(x) - 1,
}


def space_to_depth(x, block):
    """Darknet's reorg3d: (c, h, w) -> (c * block ** 2, h / block, w / block)."""
    channels, rows, columns = x.shape
    out = np.zeros((channels * block * block, rows // block, columns // block))
    for channel, row, column in np.ndindex(out.shape):
        part, source = divmod(channel, channels)
        out[channel, row, column] = x[source, row * block + part // block, column * block + part % block]
    return out


def run_table(network, convolutions, image):
    """All layers of a `models.darknet_table.Network` by name, from an image (3, h, w)."""
    remaining = iter(convolutions)
    made = {"images": np.asarray(image, np.float64)}
    for layer in network.layers:
        kind = type(layer).__name__
        inputs = [made[source] for source in layer.sources]
        x = inputs[0]
        if kind == "Conv":
            kernel, bias = next(remaining)
            out = convolve(
                x, kernel.astype(np.float64), bias, layer.stride, layer.padding, layer.dilation, layer.groups
            )
        elif kind == "Activation":
            out = np.vectorize(ACTIVATIONS[layer.function], otypes=[float])(x)
        elif kind == "MaxPool":
            out = max_pool(x, layer.size, layer.stride, layer.padding)
        elif kind == "Upsample":
            out = np.kron(x, np.ones((1, layer.stride, layer.stride)))
        elif kind == "Slice":
            out = x[layer.start : layer.stop]
        elif kind == "Concat":
            out = np.concatenate(inputs)
        elif kind == "AveragePool":
            out = x.mean(axis=(1, 2), keepdims=True)
        elif kind == "SpaceToDepth":
            out = space_to_depth(x, layer.block)
        else:
            out = {"Add": np.add, "Multiply": np.multiply}[kind](*inputs)
        made[layer.name] = out
    return made


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
