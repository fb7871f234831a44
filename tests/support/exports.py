"""Small ONNX files of the forms that exporters write: constants, to which 0 times the mean of the picture is added."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def export(path, outputs, shape=(1, 3, 64, 64), opset=13, names=None, task=None, nodes=(), kind=FLOAT, **metadata):
    """Write a file with these outputs by name, each the given values plus 0 times the mean of the picture."""
    graph_nodes = [helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0)]
    graph_nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    constants = [numpy_helper.from_array(np.float32(0), "zero")]
    values = []
    for name, array in outputs.items():
        constants.append(numpy_helper.from_array(np.asarray(array, np.float32), name + ".values"))
        graph_nodes.append(helper.make_node("Add", [name + ".values", "nothing"], [name]))
        values.append(helper.make_tensor_value_info(name, FLOAT, np.shape(array)))
    given = helper.make_tensor_value_info("images", kind, shape)
    graph = helper.make_graph(graph_nodes + list(nodes), "export", [given], values, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if names is not None:
        metadata["names"] = repr(names)
    if task is not None:
        metadata["task"] = task
    helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    with open(str(path), "wb") as file:
        file.write(model.SerializeToString())
    return str(path)


def cells(strides=(8, 16, 32), side=64):
    """How many cells the grids of a square input have."""
    return sum((-(-side // stride)) ** 2 for stride in strides)


def random(*shape):
    """Values from 0 to 1, always the same."""
    return np.random.RandomState(0).uniform(0.01, 0.99, shape).astype(np.float32)


def pixels(strides=(8, 16, 32), side=64, anchors=1):
    """Middles of the cells (places, 1), in pixels along x."""
    found = []
    for stride in strides:
        line = np.tile((np.arange(-(-side // stride)) + 0.5) * stride, -(-side // stride))
        found.append(np.tile(line, anchors))
    return np.concatenate(found)[:, None]


def rows(classes, decoded=True, anchors=1, objectness=None):
    """A table (1, places, 5 + classes) with boxes in pixels, or as offsets from cells."""
    places = cells() * anchors
    x = pixels(anchors=anchors) if decoded else random(places, 1)
    table = np.concatenate([x, random(places, 3), random(places, 1 + classes)], axis=1)
    if objectness is not None:
        table[:, 4] = objectness
    return table[None]
