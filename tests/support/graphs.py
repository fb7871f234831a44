"""Small ONNX models, made on the spot."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def graph(nodes, inputs, outputs, constants=(), opset=13, kinds=()):
    """An ONNX model that old runtimes read too.

    inputs, outputs: shape by name, a name for a side that is free. constants: array by name, kept as float32. kinds:
    element type by name where it is not FLOAT. A domain of its own that a node has is imported.
    """

    def ends(shapes):
        kind = dict(kinds)
        return [
            helper.make_tensor_value_info(name, kind.get(name, TensorProto.FLOAT), shape)
            for name, shape in shapes.items()
        ]

    tensors = [numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in dict(constants).items()]
    domains = sorted({node.domain for node in nodes if node.domain})
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(domain, 1) for domain in domains]
    made = helper.make_graph(nodes, "small", ends(inputs), ends(outputs), tensors)
    model = helper.make_model(made, opset_imports=opsets)
    model.ir_version = 7 if opset > 8 else 4
    return model
