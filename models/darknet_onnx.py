"""Writes a network's table as ONNX, for any input size.

Opset 13 and IR version 7 are the newest that TensorRT 8.0 and ONNX Runtime 1.10 read. Opset 8 is for OpenCV 4.1.1,
which needs Upsample with its scales as an attribute, and pads a pool on one side only with SAME_UPPER.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence

import numpy as np

from models import darknet_table as table
from models.darknet import Convolution

SIMPLE = {  # Darknet's name of a function: the operator and its attributes
    "leaky": ("LeakyRelu", {"alpha": table.LEAKY_SLOPE}),
    "logistic": ("Sigmoid", {}),
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "elu": ("Elu", {"alpha": 1.0}),
}  # type: Dict[str, Any]


def emit_onnx(
    network: table.Network, convolutions: Iterable[Optional[Convolution]], opset: int = 13, name: str = "darknet"
) -> Any:
    """Build the network as an `onnx.ModelProto` with free batch, height and width.

    The input is (n, 3, h, w) float32 RGB in 0..1; the outputs are the heads' raw logits, in the order of the table,
    each (n, anchors * (5 + classes), h / stride, w / stride). convolutions: one per Conv in the table's order; those
    that no head depends on may be None. opset: 8 or 13. The same weights always produce the same bytes.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph(opset, {head.source: head.name for head in network.heads})
    needed, remaining = network.needed(), iter(convolutions)
    for layer in network.layers:
        convolution = next(remaining) if isinstance(layer, table.Conv) else None
        if layer.name in needed:
            graph.add(layer, convolution)

    def tensor(name: str, shape: Sequence[Any]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    outputs = [
        tensor(head.name, ("n", len(head.anchors) * (5 + network.classes), head.name + "_h", head.name + "_w"))
        for head in network.heads
    ]
    images = tensor(table.INPUT, ("n", 3, "h", "w"))
    made = helper.make_graph(graph.nodes, name, [images], outputs, graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], producer_name="nanoyolo")
    model.ir_version = 7 if opset >= 10 else 4
    onnx.checker.check_model(model)
    return model


class _Graph:
    """Nodes and constants. renamed: what the heads' layers are called, as outputs of the graph."""

    def __init__(self, opset: int, renamed: Dict[str, str]) -> None:
        self.nodes: List[Any] = []
        self.constants: List[Any] = []
        self._opset = opset
        self._renamed = renamed

    def add(self, layer: table.Layer, convolution: Any) -> None:
        """Add a layer's nodes."""
        name = self._renamed.get(layer.name, layer.name)
        inputs = [self._renamed.get(source, source) for source in layer.sources]
        if isinstance(layer, table.Conv):
            inputs += [self._constant(name + ".kernel", convolution.kernel)]
            inputs += [self._constant(name + ".bias", convolution.bias)]
            attributes = {"kernel_shape": [layer.size] * 2, "pads": [layer.padding] * 4}  # type: Dict[str, Any]
            if layer.stride != (1, 1):
                attributes["strides"] = list(layer.stride)
            if layer.dilation > 1:
                attributes["dilations"] = [layer.dilation] * 2
            if layer.groups > 1:
                attributes["group"] = layer.groups
            self._node("Conv", inputs, name, **attributes)
        elif isinstance(layer, table.Activation):
            self._activation(layer.function, inputs[0], name)
        elif isinstance(layer, table.MaxPool):
            self._max_pool(layer, inputs, name)
        elif isinstance(layer, table.Upsample):
            self._upsample(layer.stride, inputs, name)
        elif isinstance(layer, table.Slice):
            self._slice(layer, inputs, name)
        elif isinstance(layer, table.Concat):
            self._node("Concat", inputs, name, axis=1)
        elif isinstance(layer, table.SpaceToDepth):
            self._node("SpaceToDepth", inputs, name, blocksize=layer.block)
        else:
            operators = {table.Add: "Add", table.Multiply: "Mul", table.AveragePool: "GlobalAveragePool"}
            self._node(operators[type(layer)], inputs, name)

    def _node(self, operator: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def _constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name

    def _scalar(self, name: str, value: float) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.array(value, np.float32), name))
        return name

    def _activation(self, function: str, source: str, name: str) -> None:
        if function in SIMPLE:
            operator, attributes = SIMPLE[function]
            self._node(operator, [source], name, **attributes)
        elif function == "swish":
            self._node("Mul", [source, self._node("Sigmoid", [source], name + ".sigmoid")], name)
        elif function == "mish":
            softplus = self._node("Softplus", [source], name + ".softplus")
            self._node("Mul", [source, self._node("Tanh", [softplus], name + ".tanh")], name)
        elif function == "relu6" and self._opset < 11:
            self._node("Clip", [source], name, min=0.0, max=6.0)
        elif function == "relu6":
            self._node("Clip", [source, self._scalar(name + ".min", 0), self._scalar(name + ".max", 6)], name)
        elif function == "ramp":  # x where it is positive, and a tenth of x
            relu = self._node("Relu", [source], name + ".relu")
            tenth = self._node("Mul", [source, self._scalar(name + ".slope", 0.1)], name + ".tenth")
            self._node("Add", [relu, tenth], name)
        else:
            raise ValueError(f"activation {function} has no operator")

    def _max_pool(self, layer: table.MaxPool, inputs: Sequence[str], name: str) -> None:
        (top, bottom), (left, right) = layer.pads(0), layer.pads(1)
        attributes = {"kernel_shape": [layer.size] * 2, "strides": list(layer.stride)}  # type: Dict[str, Any]
        totals = [max(0, layer.size - stride) for stride in layer.stride]
        upper = [total // 2 for total in totals] + [total - total // 2 for total in totals]
        if self._opset < 10 and upper == [top, left, bottom, right]:
            attributes["auto_pad"] = "SAME_UPPER"
        else:
            attributes["pads"] = [top, left, bottom, right]
        self._node("MaxPool", inputs, name, **attributes)

    def _upsample(self, stride: int, inputs: Sequence[str], name: str) -> None:
        scales = [1.0, 1.0, float(stride), float(stride)]
        if self._opset < 10:
            self._node("Upsample", inputs, name, mode="nearest", scales=scales)
        else:
            inputs = [inputs[0], "", self._constant(name + ".scales", scales)]
            attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            self._node("Resize", inputs, name, **attributes)

    def _slice(self, layer: table.Slice, inputs: Sequence[str], name: str) -> None:
        if self._opset < 10:
            self._node("Slice", inputs, name, axes=[1], starts=[layer.start], ends=[layer.stop])
        else:
            values = (("starts", layer.start), ("ends", layer.stop), ("axes", 1))
            inputs = list(inputs) + [self._constant(f"{name}.{key}", [value], np.int64) for key, value in values]
            self._node("Slice", inputs, name)
