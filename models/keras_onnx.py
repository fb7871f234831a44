"""Exports a Keras classifier to ONNX: NCHW, batch norms folded, only operators that the board's oldest runtime reads.

Keras' own exporter needs a second converter for each backend, keeps channels last, which runtimes must transpose and
the board's cannot read, and writes different bytes with every release. The networks of `models.cifar` consist of ten
kinds of layer, which are converted here.
"""

from typing import Any, Callable

import keras
import numpy as np
from keras import layers

INPUT, OUTPUT = "images", "logits"


def emit_onnx(model: keras.Model, opset: int = 13) -> Any:
    """Build an `onnx.ModelProto` with a free batch: (n, 3, h, w) float32 RGB 0..255 in, logits (n, classes) out.

    Opset 13 and IR version 7 are the newest that TensorRT 8.0 and ONNX Runtime 1.10 read. The same weights produce the
    same bytes. Raises ValueError for an unsupported layer, and for a batch norm without a convolution to fold it into.
    """
    import onnx
    from onnx import TensorProto, helper

    emitter = _Emitter()
    for layer in model.layers:
        emitter.add(layer)
    names, nodes = emitter.names, emitter.nodes
    _, height, width, channels = model.inputs[0].shape
    images = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", channels, height, width])
    logits = helper.make_tensor_value_info(names[id(model.outputs[0])], TensorProto.FLOAT, ["n", model.output_shape[1]])
    graph = helper.make_graph(nodes, model.name, [images], [logits], emitter.initializers())
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="nanoyolo")
    proto.ir_version = 7
    onnx.checker.check_model(proto, full_check=True)
    return proto


class _Emitter:
    """Nodes and constants so far. names: the ONNX tensor of each Keras tensor, by its id()."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.names: dict[int, str] = {}
        self._constants: dict[str, np.ndarray] = {}
        self._convolutions: set[str] = set()  # those without a folded batch norm
        self._flattened: dict[str, tuple[int, ...]] = {}  # output of Flatten -> shape of its input, (h, w, c)

    def initializers(self) -> list[Any]:
        from onnx import numpy_helper

        return [numpy_helper.from_array(values, name) for name, values in self._constants.items()]

    def add(self, layer: Any) -> None:
        if isinstance(layer, layers.InputLayer):
            self.names[id(layer.output)] = INPUT
            return
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        sources = [self.names[id(tensor)] for tensor in inputs]
        known: dict[type, Callable[[Any, list[str]], str]] = {
            layers.Rescaling: self._rescaling,
            layers.Conv2D: self._convolution,
            layers.BatchNormalization: self._batch_norm,
            layers.Dropout: lambda layer, sources: sources[0],  # is for training only
            layers.ReLU: lambda layer, sources: self._node("Relu", sources, layer.name),
            layers.Add: lambda layer, sources: self._node("Add", sources, layer.name),
            layers.MaxPooling2D: lambda layer, sources: self._pool("MaxPool", layer, sources),
            layers.AveragePooling2D: lambda layer, sources: self._pool("AveragePool", layer, sources),
            layers.GlobalAveragePooling2D: self._global_average,
            layers.Flatten: self._flatten,
            layers.Dense: self._dense,
        }
        if type(layer) not in known:
            raise ValueError(f"{layer.name}: {type(layer).__name__} is not a supported layer")
        self.names[id(layer.output)] = known[type(layer)](layer, sources)

    def _node(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def _constant(self, name: str, values: Any) -> str:
        self._constants[name] = np.ascontiguousarray(values, np.float32)
        return name

    def _rescaling(self, layer: Any, sources: list[str]) -> str:
        # Not folded into the convolution, which pads with zeros after the shift.
        scale = self._constant(layer.name + ".scale", np.reshape(layer.scale, (1, -1, 1, 1)))
        offset = self._constant(layer.name + ".offset", np.reshape(layer.offset, (1, -1, 1, 1)))
        return self._node("Add", [self._node("Mul", [*sources, scale], layer.name + ".scaled"), offset], layer.name)

    def _convolution(self, layer: Any, sources: list[str]) -> str:
        _check(layer, activation="linear", groups=1, dilation_rate=(1, 1))
        kernel = _values(layer.kernel).transpose(3, 2, 0, 1)
        bias = _values(layer.bias) if layer.use_bias else np.zeros(len(kernel))
        weights = [self._constant(layer.name + ".kernel", kernel), self._constant(layer.name + ".bias", bias)]
        pads = _same_pads(layer) if layer.padding == "same" else [0, 0, 0, 0]
        size = list(layer.kernel_size)
        self._node("Conv", [*sources, *weights], layer.name, kernel_shape=size, strides=list(layer.strides), pads=pads)
        self._convolutions.add(layer.name)
        return str(layer.name)

    def _batch_norm(self, layer: Any, sources: list[str]) -> str:
        """Fold it into the convolution before it, which nothing else may use."""
        (name,) = sources
        if name not in self._convolutions or any(name in node.input for node in self.nodes):
            raise ValueError(f"{layer.name}: a batch norm must follow a convolution that nothing else uses")
        self._convolutions.remove(name)
        deviation = np.sqrt(_values(layer.moving_variance) + layer.epsilon)
        factor = _values(layer.gamma) / deviation
        kernel, bias = name + ".kernel", name + ".bias"
        self._constant(kernel, self._constants[kernel] * factor.reshape(-1, 1, 1, 1))
        shift = _values(layer.beta) - _values(layer.moving_mean) * factor
        self._constant(bias, self._constants[bias] * factor + shift)
        return name

    def _pool(self, operator: str, layer: Any, sources: list[str]) -> str:
        _check(layer, padding="valid")
        size, strides = list(layer.pool_size), list(layer.strides)
        return self._node(operator, sources, layer.name, kernel_shape=size, strides=strides)

    def _global_average(self, layer: Any, sources: list[str]) -> str:
        pooled = self._node("GlobalAveragePool", sources, layer.name + ".pooled")
        return self._node("Flatten", [pooled], layer.name, axis=1)

    def _flatten(self, layer: Any, sources: list[str]) -> str:
        self._flattened[layer.name] = tuple(layer.input.shape[1:])
        return self._node("Flatten", sources, layer.name, axis=1)

    def _dense(self, layer: Any, sources: list[str]) -> str:
        _check(layer, activation="linear")
        kernel = _values(layer.kernel)
        # Keras flattens (h, w, c), ONNX (c, h, w).
        inputs, outputs = layer.kernel.shape
        before = self._flattened.get(sources[0], (1, 1, inputs))
        kernel = np.moveaxis(kernel.reshape(*before, outputs), 2, 0).reshape(inputs, outputs)
        bias = _values(layer.bias) if layer.use_bias else np.zeros(outputs)
        weights = [self._constant(layer.name + ".kernel", kernel.T), self._constant(layer.name + ".bias", bias)]
        return self._node("Gemm", [*sources, *weights], layer.name, transB=1)  # OpenCV 4.1.1 supports no other


def _values(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)


def _same_pads(layer: Any) -> list[int]:
    """Top, left, bottom, right: TensorFlow's "same" puts the odd pixel at the bottom and right."""
    before, after = [], []
    for length, size, stride in zip(layer.input.shape[1:3], layer.kernel_size, layer.strides):
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after


def _check(layer: Any, **expected: Any) -> None:
    for name, value in expected.items():
        actual = getattr(layer, name)
        actual = getattr(actual, "__name__", actual)
        if actual != value:
            raise ValueError(f"{layer.name}: {name} {actual} is not supported, only {value}")
