"""The ONNX graph that `models.keras_onnx` builds: nodes, constants, and what it must know about tensors on the way."""

from typing import Any, NamedTuple

import keras
import numpy as np

SMALLEST_HALF = 256  # values: smaller constants, such as biases, stay in float32
LARGEST_IN_HALF = 65504.0


class Fold(NamedTuple):
    """The convolution into which a batch norm can be folded. pooled: a max pool lies between."""

    convolution: str
    pooled: bool


class Graph:
    """Nodes and constants so far.

    names: the ONNX tensor of each Keras tensor, by its id(). shapes: of ONNX tensors as in Keras, (n, h, w, c) or
    (n, c). folds: the tensors in which a batch norm may still disappear. flattened: the shape (h, w, c) that a tensor
    had before it was flattened.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.names: dict[int, str] = {}
        self.shapes: dict[str, tuple] = {}
        self.folds: dict[str, Fold] = {}
        self.flattened: dict[str, tuple[int, ...]] = {}
        self._padded: dict[str, tuple[str, list[int]]] = {}

    def node(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node with one output, which has the node's name."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """Add a constant, or replace it."""
        self.constants[name] = np.array(values, dtype, order="C")  # a scalar stays one
        return name

    def activation(self, function: str, source: str, name: str) -> str:
        """The nodes of an activation by its name in Keras. Raises ValueError for an unknown one."""
        simple = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}
        if function == "linear":
            return source
        if function in simple:
            return self.node(simple[function], [source], name)
        if function == "relu6":
            limits = [self.constant(f"{name}.{end}", limit) for end, limit in (("min", 0), ("max", 6))]
            return self.node("Clip", [source, *limits], name)
        if function == "silu":
            return self.node("Mul", [source, self.node("Sigmoid", [source], name + ".sigmoid")], name)
        raise ValueError(f"{name}: activation {function} is not supported")

    def pad(self, source: str, pads: list[int], name: str) -> str:
        """A tensor padded with zeros; pads: top, left, bottom, right. A convolution takes them over, see `unpadded`."""
        self._padded[name] = (source, pads)
        return name

    def unpadded(self, name: str) -> tuple[str, list[int]]:
        """The tensor without the zeros that `pad` put round it, and how many they are."""
        return self._padded.get(name, (name, [0, 0, 0, 0]))

    def padded(self, name: str) -> str:
        """The tensor with these zeros, for what cannot pad by itself, or pads with something else, as a max pool."""
        if name in self._padded:
            source, (top, left, bottom, right) = self._padded.pop(name)
            pads = self.constant(name + ".pads", [0, 0, top, left, 0, 0, bottom, right], np.int64)
            self.node("Pad", [source, pads], name)
        return name

    def contents(self, half: bool) -> tuple[list[Any], list[Any]]:
        """All nodes, and the constants as initializers.

        half: large constants are stored as float16, and a Cast in front makes float32 of each. Constants that have
        values beyond 65504 stay as they are.
        """
        from onnx import TensorProto, helper, numpy_helper

        casts, initializers = [], []
        for name, constant in self.constants.items():
            stored = name
            if half and _fits_half(constant):
                stored, constant = name + ".half", constant.astype(np.float16)
                casts.append(helper.make_node("Cast", [stored], [name], name + ".cast", to=TensorProto.FLOAT))
            initializers.append(numpy_helper.from_array(constant, stored))
        return casts + self.nodes, initializers


def values(variable: Any) -> np.ndarray:
    """A weight as float64."""
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)


def check(layer: Any, **expected: Any) -> None:
    """Raise ValueError unless the layer's attributes are these; functions are compared by name."""
    for name, value in expected.items():
        actual = getattr(layer, name)
        actual = getattr(actual, "__name__", actual)
        if actual != value:
            raise ValueError(f"{layer.name}: {name} {actual} is not supported, only {value}")


def _fits_half(constant: np.ndarray) -> bool:
    big = constant.dtype == np.float32 and constant.size >= SMALLEST_HALF
    return bool(big and np.abs(constant).max() <= LARGEST_IN_HALF)
