"""How `models.keras_onnx` writes each kind of Keras layer as ONNX nodes, with channels first.

A converter takes the graph, the layer and the names of its input tensors, and returns the name of its output.
"""

from typing import Any, Callable

import numpy as np

from models.onnx_graph import Fold, Graph, check, values


def _rescaling(graph: Graph, layer: Any, sources: list[str]) -> str:
    # Not folded into the convolution, which pads with zeros after the shift.
    return _affine(graph, layer.name, sources[0], layer.scale, layer.offset)


def _affine(graph: Graph, name: str, source: str, scale: Any, offset: Any) -> str:
    """Multiply and add, each a number or one number per channel."""
    shape = (1, -1) + (1,) * (len(graph.shapes[source]) - 2)
    scaled = graph.node("Mul", [source, graph.constant(name + ".scale", np.reshape(scale, shape))], name + ".scaled")
    return graph.node("Add", [scaled, graph.constant(name + ".offset", np.reshape(offset, shape))], name)


def _resizing(graph: Graph, layer: Any, sources: list[str]) -> str:
    check(layer, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False, pad_to_aspect_ratio=False)
    scales = [1.0, 1.0]
    for length, wanted in zip(graph.shapes[sources[0]][1:3], (layer.height, layer.width)):
        scale = np.float32(wanted / length)
        while float(scale) * length < wanted:  # runtimes round this product down
            scale = np.nextafter(scale, np.float32(np.inf))
        scales.append(float(scale))
    # Scales, since sizes would fix the batch too.
    inputs = [sources[0], "", graph.constant(layer.name + ".scales", scales)]
    return graph.node("Resize", inputs, layer.name, mode="linear", coordinate_transformation_mode="half_pixel")


def _convolution(graph: Graph, layer: Any, sources: list[str]) -> str:
    check(layer, groups=1)
    return _convolve(graph, layer, sources[0], values(layer.kernel).transpose(3, 2, 0, 1), 1)


def _depthwise(graph: Graph, layer: Any, sources: list[str]) -> str:
    kernel = values(layer.kernel)  # (h, w, channels, multiplier)
    height, width, channels, multiplier = kernel.shape
    kernel = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _convolve(graph, layer, sources[0], kernel, channels)


def _convolve(graph: Graph, layer: Any, source: str, kernel: np.ndarray, group: int) -> str:
    check(layer, dilation_rate=(1, 1))
    name = layer.name if layer.activation.__name__ == "linear" else layer.name + ".linear"
    bias = values(layer.bias) if layer.use_bias else np.zeros(len(kernel))
    weights = [graph.constant(name + ".kernel", kernel), graph.constant(name + ".bias", bias)]
    pads = _same_pads(graph, layer, source, layer.kernel_size)
    unpadded, zeros = graph.unpadded(source)
    pads = [inner + outer for inner, outer in zip(pads, zeros)]
    size, strides = list(layer.kernel_size), list(layer.strides)
    groups = {} if group == 1 else {"group": group}
    graph.node("Conv", [unpadded, *weights], name, kernel_shape=size, strides=strides, pads=pads, **groups)
    graph.folds[name] = Fold(name, pooled=False)
    return graph.activation(layer.activation.__name__, name, layer.name)


def _same_pads(graph: Graph, layer: Any, source: str, sizes: Any) -> list[int]:
    """Top, left, bottom, right: TensorFlow's "same" puts the odd pixel at the bottom and right."""
    before, after = [], []
    for length, size, stride in zip(graph.shapes[source][1:3], sizes, layer.strides):
        total = max((-(-length // stride) - 1) * stride + size - length, 0) if layer.padding == "same" else 0
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after


def _batch_norm(graph: Graph, layer: Any, sources: list[str]) -> str:
    """Fold it into the convolution before it, if nothing else takes that one's output; else multiply and add.

    A max pool may lie between, since it commutes with multiplication by positive numbers. The shift is added behind it
    then: OpenVINO would put an activation that follows a pool at once in front of it, which is wrong for SiLU.
    """
    (name,) = sources
    mean = values(layer.moving_mean)
    gamma = values(layer.gamma) if layer.scale else np.ones(len(mean))
    factor = gamma / np.sqrt(values(layer.moving_variance) + layer.epsilon)
    shift = (values(layer.beta) if layer.center else 0) - mean * factor
    fold = graph.folds.pop(name, None)
    if fold and (not fold.pooled or factor.min() > 0):
        kernel, bias = fold.convolution + ".kernel", fold.convolution + ".bias"
        graph.constant(kernel, graph.constants[kernel] * factor.reshape(-1, 1, 1, 1))
        graph.constant(bias, graph.constants[bias] * factor + (0 if fold.pooled else shift))
        if not fold.pooled:
            return name
        return graph.node("Add", [name, graph.constant(layer.name + ".shift", shift.reshape(1, -1, 1, 1))], layer.name)
    return _affine(graph, layer.name, name, factor, shift)


def _relu(graph: Graph, layer: Any, sources: list[str]) -> str:
    check(layer, negative_slope=0, threshold=0)
    if layer.max_value is not None:
        check(layer, max_value=6)
    return graph.activation("relu" if layer.max_value is None else "relu6", sources[0], layer.name)


def _max_pool(graph: Graph, layer: Any, sources: list[str]) -> str:
    name = _pool("MaxPool", graph, layer, sources)
    fold = graph.folds.get(sources[0])
    if fold:
        graph.folds[name] = Fold(fold.convolution, pooled=True)
    return name


def _pool(operator: str, graph: Graph, layer: Any, sources: list[str]) -> str:
    pads = _same_pads(graph, layer, sources[0], layer.pool_size)
    attributes = {"kernel_shape": list(layer.pool_size), "strides": list(layer.strides)}
    if any(pads):
        attributes["pads"] = pads
    return graph.node(operator, sources, layer.name, **attributes)


def _global(operator: str) -> Callable:
    def convert(graph: Graph, layer: Any, sources: list[str]) -> str:
        check(layer, keepdims=False)
        return graph.node("Flatten", [graph.node(operator, sources, layer.name + ".pooled")], layer.name, axis=1)

    return convert


def _zero_padding(graph: Graph, layer: Any, sources: list[str]) -> str:
    (top, bottom), (left, right) = layer.padding
    return graph.pad(sources[0], [top, left, bottom, right], layer.name)


def _flatten(graph: Graph, layer: Any, sources: list[str]) -> str:
    graph.flattened[layer.name] = tuple(graph.shapes[sources[0]][1:])
    return graph.node("Flatten", sources, layer.name, axis=1)


def _dense(graph: Graph, layer: Any, sources: list[str]) -> str:
    # Keras flattens (h, w, c), ONNX (c, h, w).
    inputs, outputs = layer.kernel.shape
    before = graph.flattened.get(sources[0], (1, 1, inputs))
    if len(before) != 3:
        raise ValueError(f"{layer.name}: only pictures can be flattened before a dense layer")
    kernel = np.moveaxis(values(layer.kernel).reshape(*before, outputs), 2, 0).reshape(inputs, outputs)
    bias = values(layer.bias) if layer.use_bias else np.zeros(outputs)
    name = layer.name if layer.activation.__name__ == "linear" else layer.name + ".linear"
    weights = [graph.constant(name + ".kernel", kernel.T), graph.constant(name + ".bias", bias)]
    graph.node("Gemm", [*sources, *weights], name, transB=1)  # OpenCV 4.1.1 supports no other
    return graph.activation(layer.activation.__name__, name, layer.name)


def _concatenate(graph: Graph, layer: Any, sources: list[str]) -> str:
    if layer.axis not in (-1, 3):
        raise ValueError(f"{layer.name}: axis {layer.axis} is not supported, only the channels")
    return graph.node("Concat", sources, layer.name, axis=1)


def _scaled_sum(graph: Graph, layer: Any, sources: list[str]) -> str:
    """InceptionResNetV2's residual: the first input, and the second one scaled down."""
    scale = graph.constant(layer.name + ".scale", np.full((1, 1, 1, 1), layer.scale))
    scaled = graph.node("Mul", [sources[1], scale], layer.name + ".scaled")
    return graph.node("Add", [sources[0], scaled], layer.name)


def _fractional_max_pool(graph: Graph, layer: Any, sources: list[str]) -> str:
    """Windows of 2x2 at uneven distances: the maximum of two selections of rows, then of columns."""
    name = sources[0]
    for axis, (kind, starts) in enumerate(zip(("rows", "columns"), layer.starts()), start=2):
        picked = []
        for side in (0, 1):
            label = f"{layer.name}.{kind}{side}"
            numbers = graph.constant(label + ".numbers", np.add(starts, side), np.int64)
            picked.append(graph.node("Gather", [name, numbers], label, axis=axis))
        name = graph.node("Max", picked, layer.name if axis == 3 else f"{layer.name}.{kind}")
    return name


# By the name of the layer's class. Whoever adds a layer of their own adds it here.
CONVERTERS: dict[str, Callable[[Graph, Any, list[str]], str]] = {
    "Rescaling": _rescaling,
    "Resizing": _resizing,
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "BatchNormalization": _batch_norm,
    "Dropout": lambda graph, layer, sources: sources[0],  # is for training only
    "ReLU": _relu,
    "Activation": lambda graph, layer, sources: graph.activation(layer.activation.__name__, sources[0], layer.name),
    "Add": lambda graph, layer, sources: graph.node("Add", sources, layer.name),
    "Concatenate": _concatenate,
    "CustomScaleLayer": _scaled_sum,
    "MaxPooling2D": _max_pool,
    # Padded pixels do not count, as in TensorFlow.
    "AveragePooling2D": lambda graph, layer, sources: _pool("AveragePool", graph, layer, sources),
    "GlobalAveragePooling2D": _global("GlobalAveragePool"),
    "GlobalMaxPooling2D": _global("GlobalMaxPool"),
    "ZeroPadding2D": _zero_padding,
    "Flatten": _flatten,
    "FractionalMaxPooling2D": _fractional_max_pool,
    "Dense": _dense,
    "DropConnectDense": _dense,  # drops in training only
}
