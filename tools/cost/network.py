"""Counts the operations and bytes of an ONNX network for one image, layer by layer, without running it.

network = measure(load("weights/yolov3-tiny.onnx"), 320, 416)     height, width of the input
network.operations                                                2 per multiply-add, as Darknet counts its BFLOPs
network.moved(2)                                                  bytes, at 2 bytes a value

Multiply-adds are counted in convolutions and matrix products; all other arithmetic is neglected. Each layer's weights,
inputs and outputs are moved once. Activations, batch norms, additions and changes of shape are assumed to be fused
into the layer before them and move nothing; a shortcut's second read is not counted either. What is computed from
shapes and constants alone, such as the grid of cells in an exported detector, is computed once and costs nothing.
"""

import math
import os
from typing import Any, NamedTuple, Optional

from app.errors import ModelError, UsageError
from app.modelcard import no_model

MULTIPLY = ("Conv", "Gemm", "MatMul")
PARTS = ("Slice", "Split", "Gather", "GatherElements", "GatherND")  # these read no more than they write
MOVE = (
    *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize", "Upsample", "Concat", "Transpose"),
    *("Softmax", "Pad", "SpaceToDepth", "DepthToSpace", "Expand", "Tile", "TopK", "ArgMax", "ReduceMax", "ReduceMean"),
    *("ReduceSum", *PARTS),
)
FUSED = (
    *("LeakyRelu", "PRelu", "Relu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus", "Elu", "Erf"),
    *("BatchNormalization", "Add", "Mul", "Sub", "Div", "Mod", "Pow", "Sqrt", "Exp", "Neg", "Max", "Min", "Floor"),
)
FREE = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast")
MADE = ("Constant", "ConstantOfShape", "Shape", "Range")  # their outputs depend on shapes at most

Shape = tuple[int, ...]


class Layer(NamedTuple):
    """One layer that takes time.

    output: its shape, NCHW. macs: multiply-adds. weights, read, written: counts of values, not bytes.
    """

    name: str
    operator: str
    output: Shape
    macs: int
    weights: int
    read: int
    written: int

    @property
    def operations(self) -> int:
        return 2 * self.macs

    def moved(self, size: int) -> int:
        """Bytes, where a value has `size` bytes."""
        return size * (self.weights + self.read + self.written)


class Network(NamedTuple):
    """A network at one input size. detector: its outputs are maps or rows of boxes, not logits (n, classes)."""

    height: int
    width: int
    layers: tuple[Layer, ...]
    detector: bool

    @property
    def operations(self) -> int:
        return sum(layer.operations for layer in self.layers)

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    def moved(self, size: int) -> int:
        """Bytes, where a value has `size` bytes."""
        return sum(layer.moved(size) for layer in self.layers)


def load(path: str) -> Any:
    """The `onnx.ModelProto` of a file. Raises ModelError."""
    import onnx

    if not os.path.isfile(path):
        raise no_model(path)
    try:
        model = onnx.load(path)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except Exception as error:  # protobuf's own, whose class differs between releases
        raise ModelError(f"{path}: not an ONNX file: {error}") from error
    if not model.graph.node:
        raise ModelError(f"{path}: not an ONNX file, or an empty one")
    return model


def fixed_size(model: Any) -> Optional[tuple[int, int]]:
    """Height and width of the input; None if they are free."""
    height, width = (size.dim_value for size in _image(model).type.tensor_type.shape.dim[2:])
    return (height, width) if height and width else None


def measure(model: Any, height: int, width: int) -> Network:
    """Count for one image of height x width pixels.

    Raises UsageError if the network's input has another size, and ModelError for an operator of unknown cost.
    """
    fixed = fixed_size(model)
    if fixed not in (None, (height, width)):
        raise UsageError(f"the network takes {fixed[1]}x{fixed[0]}, not {width}x{height}")
    shapes = _shapes(model, height, width)
    constants = {constant.name for constant in model.graph.initializer}
    layers = []
    for node in model.graph.node:
        if node.op_type not in (*MULTIPLY, *MOVE, *FUSED, *FREE, *MADE):
            raise ModelError(f"{node.name}: the cost of operator {node.op_type} is not known")
        # Weights in half precision go through a Cast: those are constants too.
        if node.op_type in MADE or all(name in constants for name in node.input if name):
            constants |= set(node.output)
        elif node.op_type in (*MULTIPLY, *MOVE):
            layers.append(_layer(node, shapes, constants))
    detector = all(len(shapes.get(output.name, ())) != 2 for output in model.graph.output)
    return Network(height, width, tuple(layers), detector)


def _layer(node: Any, shapes: dict[str, Shape], constants: set[str]) -> Layer:
    try:
        output = shapes[node.output[0]]
        data = [math.prod(shapes[name]) for name in node.input if name and name not in constants]
        written = sum(math.prod(shapes[name]) for name in node.output if name)
        read = written if node.op_type in PARTS else sum(data)
        macs = weights = 0
        if node.op_type in MULTIPLY:
            weights = sum(math.prod(shapes[name]) for name in node.input if name in constants)
            macs = math.prod(output) * _products(node, shapes)
    except KeyError as error:
        raise ModelError(f"{node.name}: the shape of {error} is not known") from error
    return Layer(node.name or node.output[0], node.op_type, output, macs, weights, read, written)


def _products(node: Any, shapes: dict[str, Shape]) -> int:
    """Number of products that are summed for each value of the output."""
    if node.op_type == "Conv":
        return math.prod(shapes[node.input[1]][1:])  # (filters, channels / groups, height, width)
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return shapes[node.input[0]][0 if transposed else -1]


def _shapes(model: Any, height: int, width: int) -> dict[str, Shape]:
    """The shape of every tensor for one image, by ONNX's own inference."""
    import onnx
    from onnx import shape_inference

    filled = onnx.ModelProto()
    filled.CopyFrom(model)
    sizes = _image(filled).type.tensor_type.shape.dim
    for size, value in zip((sizes[0], *sizes[2:]), (1, height, width)):
        size.ClearField("dim_param")
        size.dim_value = value
    for output in filled.graph.output:  # declared for any size
        output.type.tensor_type.ClearField("shape")
    try:
        inferred = shape_inference.infer_shapes(filled, strict_mode=True, data_prop=True).graph
    except shape_inference.InferenceError as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"cannot infer its shapes at {width}x{height}: {reason}") from error
    shapes = {
        tensor.name: tuple(size.dim_value for size in tensor.type.tensor_type.shape.dim)
        for tensor in (*inferred.input, *inferred.value_info, *inferred.output)
        if all(size.dim_value for size in tensor.type.tensor_type.shape.dim)
    }
    shapes.update((constant.name, tuple(constant.dims)) for constant in model.graph.initializer)
    return shapes


def _image(model: Any) -> Any:
    """The network's input, which old files list among the weights."""
    constants = {constant.name for constant in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in constants]
    if len(inputs) != 1 or len(inputs[0].type.tensor_type.shape.dim) != 4:
        raise ModelError("a network should have one input, (n, channels, height, width)")
    return inputs[0]
