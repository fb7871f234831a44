"""Changes an ONNX graph: a first layer for the pictures that the app gives, and one output instead of several."""

from typing import Any, List, Sequence, Tuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tools.adopt.families import Family

OUTPUT = "detections"


def tidy(model: Any) -> Any:
    """Make a model's constants no inputs, and its batch 1; returns the input."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
    del graph.value_info[:]  # shapes of another batch, and of other sizes
    del model.training_info[:]
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return graph.input[0]


def fix_size(value: Any, shape: Tuple[int, int]) -> None:
    """Give a model's input one height and width."""
    for axis, side in zip((2, 3), shape):
        value.type.tensor_type.shape.dim[axis].dim_value = side


def prepare(model: Any, family: Family) -> bool:
    """Have a model take RGB from 0 to 1, by a convolution in front of it; whether it needs one.

    It does what the family's own programs do to the values: (value * 255 - mean) / deviation, in their colour order.
    """
    if family.colour == "RGB" and not any(family.mean) and set(family.deviation) == {255.0}:
        return False
    graph = model.graph
    given = graph.input[0].name
    made = _unused(graph, given + ".prepared")
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    for channel, deviation in enumerate(family.deviation):
        kernel[channel, 2 - channel if family.colour == "BGR" else channel] = 255 / deviation
    bias = (-np.array(family.mean) / np.array(family.deviation)).astype(np.float32)
    names = [_unused(graph, f"{made}.{part}") for part in ("kernel", "bias")]
    graph.initializer.extend(numpy_helper.from_array(part, name) for part, name in zip((kernel, bias), names))
    nodes = list(graph.node)
    for node in nodes:
        for index, name in enumerate(node.input):
            if name == given:
                node.input[index] = made
    first = helper.make_node("Conv", [given, *names], [made], made, kernel_shape=[1, 1])
    del graph.node[:]
    graph.node.extend([first, *nodes])
    return True


def join(model: Any, parts: Sequence[Tuple[str, ...]], shape: Sequence[Any]) -> None:
    """Have a model return one output of this shape, see `Found.parts`; other outputs are dropped."""
    graph = model.graph
    if len(parts) == len(parts[0]) == 1:
        (name,) = parts[0]
    else:
        name = _unused(graph, OUTPUT)
        rows: List[str] = []
        for number, part in enumerate(parts):
            rows.append(_unused(graph, f"{name}.{number}") if len(parts) > 1 else name)
            graph.node.append(helper.make_node("Concat", part, [rows[-1]], rows[-1], axis=2))
        if len(parts) > 1:
            graph.node.append(helper.make_node("Concat", rows, [name], name, axis=1))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def _unused(graph: Any, name: str) -> str:
    """A name that no tensor has."""
    taken = {tensor.name for tensor in graph.initializer} | {graph.input[0].name}
    for node in graph.node:
        taken.update(node.output)
    while name in taken:
        name += "_"
    return name
