"""What a model must be so that it can be adopted at all; each refusal names the reason, and the option that helps."""

import math
from typing import Any, Dict, List, Sequence, Tuple

import onnx

from app.errors import ModelError

LARGEST_SIDE = 4096  # pixels of an input
MOST_VALUES = 10**8  # of an output
NMS = "export it without: nms=False for ultralytics, no --end2end and no --include-nms for YOLOv6, YOLOv7 and YOLOX"
DETR = "is a DETR, whose attention TensorRT 8.2 and ONNX Runtime 1.10 lack; export a YOLO model instead"
CONTROL = "branches or loops; export it with simplify=True, or simplify it: python -m onnxslim IN.onnx OUT.onnx"
OPERATORS = {
    **dict.fromkeys(("NonMaxSuppression", "EfficientNMS_TRT", "BatchedNMS_TRT"), f"has NMS inside; {NMS}"),
    **dict.fromkeys(("BatchedNMSDynamic_TRT", "TRTBatchedNMS", "YoloNMS"), f"has NMS inside; {NMS}"),
    **dict.fromkeys(("GridSample", "MultiscaleDeformableAttnPlugin_TRT"), DETR),
    **dict.fromkeys(("If", "Loop", "Scan", "SequenceMap"), CONTROL),
}
TASKS = {
    "segment": "segments objects",
    "pose": "finds the poses of people",
    "obb": "finds turned boxes",
    "classify": "is a classifier, which app.classify takes with a card of its own",
}


def refuse(model: Any, metadata: Dict[str, str], path: str) -> None:
    """Raise ModelError for a model of a kind that is not supported, before anything of it runs."""
    reason = _of_metadata(metadata) or _of_inputs(model.graph) or _of_nodes(model) or _of_outputs(model.graph)
    if reason:
        raise ModelError(f"{path}: {reason}")


def dimensions(value: Any) -> List[int]:
    """The shape of an input or output, 0 where it is free."""
    return [max(0, side.dim_value) for side in value.type.tensor_type.shape.dim]


def of_shapes(shapes: Sequence[Tuple[int, ...]]) -> str:
    """Why outputs of these shapes are not those of a detector that can be adopted; empty if it is not known."""
    dimensions = sorted(len(shape) for shape in shapes)
    if dimensions and dimensions[-1] == 2 and len(shapes) == 1:
        return "is a classifier, not a detector"
    if dimensions and dimensions[0] == 4:
        heads = "has Darknet's heads, whose anchors are not in the file"
        return f"{heads}; convert its .cfg and .weights: python -m tools.convert --cfg FILE.cfg --weights FILE.weights"
    if dimensions and dimensions[0] == 5:
        return "has the raw heads of YOLOv5 or YOLOv7; export it with its decoder: for YOLOv7 --grid"
    if 4 in dimensions:
        return f"{TASKS['segment']}; export a model whose task is to detect"
    if any(len(shape) == 3 and shape[1] <= 900 and shape[2] == 4 for shape in shapes):
        return DETR
    return ""


def _of_metadata(metadata: Dict[str, str]) -> str:
    task = metadata.get("task", "detect")
    if metadata.get("head") == "RTDETRDecoder":
        return DETR
    if task != "detect":
        return f"{TASKS.get(task, f'is for the task {task[:40]!r}')}; export a model whose task is to detect"
    return ""


def _of_inputs(graph: Any) -> str:
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) > 1 and any("target_sizes" in value.name or "im_shape" in value.name for value in inputs):
        return DETR
    if len(inputs) != 1:
        return f"has {len(inputs)} inputs, should have one, an image"
    kind, shape = inputs[0].type.tensor_type.elem_type, dimensions(inputs[0])
    if kind != onnx.TensorProto.FLOAT:
        name = onnx.TensorProto.DataType.Name(kind).lower() if kind in onnx.TensorProto.DataType.values() else "odd"
        helps = "half=False" if kind == onnx.TensorProto.FLOAT16 else "an input of float32"
        return f"takes an image of {name}, should take float32; export it with {helps}"
    if len(shape) != 4:
        return f"takes a tensor of {len(shape)} dimensions, should take an image (1, 3, height, width)"
    if shape[3] in (1, 3) and shape[1] not in (1, 3):
        return "takes channels last (NHWC); export it with channels first, for tf2onnx --inputs-as-nchw NAME"
    if shape[1] != 3:
        return f"takes {shape[1] or 'any number of'} channels, should take 3"
    if shape[0] > 1:
        return f"takes {shape[0]} images at once; export it with batch=1"
    if max(shape[2:]) > LARGEST_SIDE:
        return f"takes an image of {shape[3]}x{shape[2]}, at most {LARGEST_SIDE} a side are supported"
    return ""


def _of_nodes(model: Any) -> str:
    if model.functions:
        return "has functions of its own; export it with dynamo=False"
    for node in model.graph.node:
        if node.op_type in OPERATORS:
            return OPERATORS[node.op_type]
        if node.domain not in ("", "ai.onnx"):
            return f"has an operator {node.op_type} of {node.domain[:60]!r}, which other runtimes lack"
        if any(attribute.g.node or attribute.graphs for attribute in node.attribute):
            return CONTROL
    return ""


def _of_outputs(graph: Any) -> str:
    for value in graph.output:
        count = math.prod(side or 1 for side in dimensions(value))
        if count > MOST_VALUES:
            return f"its output {value.name[:60]!r} has {count:,} values, at most {MOST_VALUES:,} are supported"
    return ""
