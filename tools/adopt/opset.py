"""Says a model in an older version of ONNX's operators, where the difference is only in how they are written.

ONNX Runtime 1.10 reads operators up to opset 15, TensorRT 8.2 up to 13. Exporters of today write 18 and more, mostly
for networks in which every operator means the same in opset 13: between them attributes were added, whose defaults are
what the operator did before, and the axes of a few became inputs.
"""

from typing import Any, Dict, Optional

import numpy as np
from onnx import NodeProto, defs, helper, numpy_helper

TARGETS = {13: 7, 15: 8}  # opset -> the version of the file format that came with it
# Attributes that have no default, or one that says nothing: what they may be to be left out.
IMPLIED: Dict[Any, Any] = {
    ("Split", "num_outputs"): lambda value, node: value == len(node.output),
    ("AveragePool", "dilations"): lambda value, node: set(value) <= {1},
}


def version_of(model: Any) -> int:
    """The version of the standard operators that a model uses."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)


def lower(model: Any) -> str:
    """Rewrite a model in place for opset 13, or else 15, if it is of a later one and that is possible.

    Returns why it is not possible; empty if it is done, or the opset was low enough.
    """
    version, reason = version_of(model), ""
    if version <= min(TARGETS):
        model.ir_version = min(max(model.ir_version, 4), TARGETS[13])
        return ""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    for target, format_version in TARGETS.items():
        if target >= version:
            continue
        try:
            nodes = [_lowered(node, version, target, constants) for node in model.graph.node]
        except ValueError as error:
            reason = str(error)
            continue
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        del model.opset_import[:]
        model.opset_import.append(helper.make_opsetid("", target))
        model.ir_version = format_version
        return ""
    return f"opset {version}: {reason}"


def _lowered(node: Any, version: int, target: int, constants: Dict[str, Any]) -> Any:
    """A node that means the same in the opset `target`. Raises ValueError."""
    new = defs.get_schema(node.op_type, version, "")
    old = _schema(node.op_type, target)
    if old is None:
        raise ValueError(f"{node.op_type} did not exist in opset {target}")
    lowered = NodeProto()
    lowered.CopyFrom(node)
    if new.since_version == old.since_version:
        return lowered
    del lowered.attribute[:]
    for attribute in node.attribute:
        if attribute.name in old.attributes:
            lowered.attribute.append(attribute)
        elif not _says_nothing(attribute, node, new):
            raise ValueError(f"{node.op_type} has {attribute.name}, which opset {target} lacks")
    axes = node.input[1] if len(node.input) == 2 and "axes" in old.attributes else ""
    if axes:
        if axes not in constants:
            raise ValueError(f"{node.op_type} computes its axes")
        lowered.attribute.append(helper.make_attribute("axes", numpy_helper.to_array(constants[axes]).tolist()))
        del lowered.input[1:]
    if len(lowered.input) > old.max_input:
        raise ValueError(f"{node.op_type} has {len(node.input)} inputs, which opset {target} lacks")
    return lowered


def _schema(operator: str, version: int) -> Optional[Any]:
    try:
        return defs.get_schema(operator, version, "")
    except defs.SchemaError:
        return None


def _says_nothing(attribute: Any, node: Any, schema: Any) -> bool:
    """Whether an attribute says what an operator without it does."""
    value = helper.get_attribute_value(attribute)
    if (node.op_type, attribute.name) in IMPLIED:
        return bool(IMPLIED[node.op_type, attribute.name](value, node))
    default = schema.attributes[attribute.name].default_value if attribute.name in schema.attributes else None
    return default is not None and default.type == attribute.type and value == helper.get_attribute_value(default)


def same(one: Any, other: Any) -> bool:
    """Whether two lists of outputs are equal, apart from rounding."""
    return len(one) == len(other) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True) for a, b in zip(one, other)
    )
