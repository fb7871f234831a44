"""Exports a Keras classifier to ONNX: NCHW, batch norms folded, only operators that the board's oldest runtime reads.

Keras' own exporter needs a second converter for each backend, keeps channels last, which runtimes must transpose and
the board's cannot read, and writes different bytes with every release. The kinds of layer that the networks here
consist of are converted in `models.onnx_layers`.
"""

from collections import Counter
from typing import Any, Optional

import keras
from keras import layers

from models.onnx_graph import Graph
from models.onnx_layers import CONVERTERS

INPUT, OUTPUT = "images", "logits"
PADDING = ("Conv2D", "DepthwiseConv2D")  # layers that take over the zeros of a padding layer
ELEMENTWISE = ("Dropout", "ReLU", "Activation")
DENSE = ("Dense", "DropConnectDense")


def emit_onnx(model: keras.Model, opset: int = 13, size: Optional[tuple[int, int]] = None, half: bool = False) -> Any:
    """Build an `onnx.ModelProto` with a free batch: (n, c, h, w) float32 pixels 0..255 in, logits (n, classes) out.

    size: (height, width) of the pictures, needed where the Keras model leaves it free. half: the weights are stored in
    float16, which halves the file; a Cast in front of each makes float32 of it, so that every runtime computes in
    float32.

    Opset 13 and IR version 7 are the newest that TensorRT 8.0 and ONNX Runtime 1.10 read. The same weights produce the
    same bytes. Raises ValueError for an unsupported layer, and for a free size without `size`.
    """
    import onnx
    from onnx import TensorProto, helper

    _, height, width, channels = model.inputs[0].shape
    height, width = (height, width) if size is None else size
    if height is None or width is None:
        raise ValueError(f"{model.name} takes pictures of any size; say for which size it is exported")
    graph = _convert(model, (None, height, width, channels))
    nodes, initializers = graph.contents(half)
    images = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", channels, height, width])
    output = graph.names[id(model.outputs[0])]
    logits = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", model.output_shape[1]])
    onnx_graph = helper.make_graph(nodes, model.name, [images], [logits], initializers)
    proto = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="nanoyolo")
    proto.ir_version = 7
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _convert(model: keras.Model, shape: tuple) -> Graph:
    """The graph of all layers; shape: of the input as in Keras."""
    graph = Graph()
    users = Counter(id(tensor) for layer in model.layers for tensor in _inputs(layer))
    users.update(id(tensor) for tensor in model.outputs)
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            graph.names[id(layer.output)] = INPUT
            graph.shapes[INPUT] = shape
            continue
        kind = type(layer).__name__
        if kind not in CONVERTERS:
            raise ValueError(f"{layer.name}: {kind} is not a supported layer")
        inputs = _inputs(layer)
        sources = [graph.names[id(tensor)] for tensor in inputs]
        specs = [keras.KerasTensor(graph.shapes[source], layer.compute_dtype) for source in sources]
        if kind not in PADDING:
            sources = [graph.padded(source) for source in sources]
        for tensor, source in zip(inputs, sources):
            if users[id(tensor)] > 1:  # others want it without the batch norm
                graph.folds.pop(source, None)
        name = CONVERTERS[kind](graph, layer, sources)
        graph.names[id(layer.output)] = name
        graph.shapes[name] = layer.compute_output_spec(specs if isinstance(layer.input, list) else specs[0]).shape
        _track_flattened(graph, layer, sources, name)
    return graph


def _track_flattened(graph: Graph, layer: Any, sources: list[str], name: str) -> None:
    """Remember that a tensor still has ONNX' order of (c, h, w); only a dense layer puts that right."""
    before = [graph.flattened[source] for source in sources if source in graph.flattened]
    kind = type(layer).__name__
    if before and kind in ELEMENTWISE:
        graph.flattened[name] = before[0]
    elif before and kind not in DENSE:
        raise ValueError(f"{layer.name}: {kind} between Flatten and Dense is not supported")


def _inputs(layer: Any) -> list[Any]:
    if isinstance(layer, layers.InputLayer):
        return []
    return list(layer.input) if isinstance(layer.input, list) else [layer.input]
