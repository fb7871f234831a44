"""From an ONNX file of any exporter to a model and its card: see `adopt`."""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from app.backends import importing, running
from app.errors import ModelError
from app.files import check_writable, remove_file, write_file
from app.heads import decode
from app.modelcard import card_path, read_card

with importing("onnx or ONNX Runtime", "python3 -m pip install onnx onnxruntime"):
    import onnx
    import onnxruntime

from tools.adopt import labels as naming
from tools.adopt.card import as_json, card_fields, in_words
from tools.adopt.families import FAMILIES
from tools.adopt.opset import lower, same
from tools.adopt.reading import read_model
from tools.adopt.recognition import Found, Look, recognise
from tools.adopt.refusals import LARGEST_SIDE, dimensions, of_shapes, refuse
from tools.adopt.runtimes import cannot_run
from tools.adopt.surgery import fix_size, join, prepare, tidy

Shape = Tuple[int, int]
STRIDE = 32  # of the coarsest grid, where the metadata do not say
USUAL_SIZE = 640  # that models are made for, where nothing says which


class Adopted(NamedTuple):
    """What became of a model: the fields of its card, and what was found out, in lines for people to read.

    named: whether its labels are its own, and not COCO's or numbers.
    """

    card: Dict[str, Any]
    lines: List[str]
    named: bool


def adopt(
    model: str,
    output: str,
    *,
    labels: Optional[Sequence[str]] = None,
    family: Optional[str] = None,
    resize: Optional[str] = None,
) -> Adopted:
    """Write `output`, an ONNX file that every part of this project takes, and its card, from the file `model`.

    labels: of its classes in order; by default those in its metadata, COCO's for 80 classes, or numbers. family: one of
    FAMILIES, for what its outputs leave open. resize: how frames are fitted; by default "rectangle" where the input may
    have any size, and "letterbox" where it has one. Raises ModelError for what cannot be adopted, with the reason, and
    OutputError.
    """
    check_writable(output)
    changed = read_model(model)
    metadata = {entry.key: entry.value for entry in changed.metadata_props}
    refuse(changed, metadata, model)
    own = naming.labels_of_metadata(metadata, model) if labels is None else tuple(labels)
    given = tidy(changed)
    shape, multiple = _input(given, metadata)
    noise = np.random.RandomState(0).rand(1, 3, *shape).astype(np.float32)
    changed, reason, outputs = _lowered(changed, noise, model)
    fixed = 0 not in dimensions(changed.graph.input[0])[2:] or not _takes_another(changed, shape, multiple)
    found = _recognised(Look(outputs, shape, None if own is None else len(own)), own, family, model)

    if fixed:
        fix_size(changed.graph.input[0], shape)
        multiple = math.gcd(multiple, math.gcd(*shape))
    prepared = prepare(changed, FAMILIES[found.family])
    whole = np.concatenate([np.concatenate([outputs[name] for name in part], 2) for part in found.parts], 1)
    free = None if fixed or found.layout.labelled else 2 if found.layout.channels_first else 1
    join(changed, found.parts, [None if axis == free else side for axis, side in enumerate(whole.shape)])
    card = card_fields(output, model, found, metadata)
    card["input"].update(multiple=multiple, size=[shape[1], shape[0]], fixed=fixed)
    card["input"]["resize"] = resize or FAMILIES[found.family].resize or ("letterbox" if fixed else "rectangle")
    card["labels"] = _labels(own, found)
    limits = cannot_run(changed, reason)
    if limits:
        card["cannot_run"] = limits
    _write(changed, output, card, noise)
    return Adopted(card, [f"{model}: {line}" for line in in_words(card, found, prepared, changed)], own is not None)


def _input(given: Any, metadata: Dict[str, str]) -> Tuple[Shape, int]:
    """Height and width that a model's input has or, where it may have any, was made for, and their multiple."""
    stride, size = naming.literal(metadata.get("stride", "")), naming.literal(metadata.get("imgsz", ""))
    multiple = stride if isinstance(stride, int) and 1 < stride <= 256 else STRIDE
    sides = size if isinstance(size, (list, tuple)) and len(size) == 2 else (USUAL_SIZE, USUAL_SIZE)
    if not all(isinstance(side, int) and 0 < side <= LARGEST_SIDE and side % multiple == 0 for side in sides):
        sides = (USUAL_SIZE // multiple * multiple,) * 2
    height, width = (own or side for own, side in zip(dimensions(given)[2:], sides))
    return (height, width), multiple


def _lowered(original: Any, noise: np.ndarray, path: str) -> Tuple[Any, str, Dict[str, np.ndarray]]:
    """The model with a lower opset if that changes nothing, else why not; and its outputs for some noise, by name."""
    model = onnx.ModelProto()
    model.CopyFrom(original)
    reason = lower(model)
    if not reason and model.opset_import != original.opset_import:
        try:
            before = _run(original, noise, path)
        except ModelError:
            before = {}  # an old ONNX Runtime, which cannot tell
        outputs = _run(model, noise, path)
        if not before or same(list(before.values()), list(outputs.values())):
            return model, reason, outputs
        reason = "its operators mean something else in opset 13"
    if reason:
        model = original
    return model, reason, _run(model, noise, path)


def _takes_another(model: Any, shape: Shape, multiple: int) -> bool:
    """Whether an input that may have any size really may."""
    other = (shape[0], max(multiple, shape[1] // 2 // multiple * multiple))
    try:
        return bool(_run(model, np.zeros((1, 3, *other), np.float32), ""))
    except ModelError:
        return False


def _recognised(look: Look, labels: Optional[Sequence[str]], family: Optional[str], path: str) -> Found:
    """What a model is. Raises ModelError where that is unknown, with what it would have to be otherwise."""
    found = recognise(look, family)
    if found and found[0].classes:
        best = found[0]
        plus = len(labels or ()) == best.classes + 1 and best.layout.background
        if labels is not None and len(labels) != best.classes and not plus:
            raise ModelError(
                f"{path}: has {best.classes} classes, but there are {len(labels)} labels: --labels FILE|a,b,c"
            )
        return best
    if found:
        raise ModelError(f"{path}: does not say how many classes it has; name them: --labels FILE|a,b,c")
    others = recognise(look._replace(labels=None), family)
    if labels is not None and others and others[0].classes:
        counts = f"has {others[0].classes} classes, but there are {len(labels)} labels"
        raise ModelError(f"{path}: {counts}; name all of them: --labels FILE|a,b,c")
    shapes = [output.shape for output in look.outputs.values()]
    which = f"it is not of the family {family}" if family else "of no family that is supported"
    raise ModelError(f"{path}: {of_shapes(shapes) or f'{which}: its outputs are {shapes}'}"[:400])


def _labels(own: Optional[Sequence[str]], found: Found) -> Tuple[str, ...]:
    if own is None:
        return naming.made_up(found.classes)
    return naming.without_background(own) if len(own) > found.classes else tuple(own)


def _run(model: Any, tensor: np.ndarray, path: str) -> Dict[str, np.ndarray]:
    """A model's outputs by name, of one thread of ONNX Runtime. Raises ModelError."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised
    with running("ONNX Runtime", path):
        data = model.SerializeToString()
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        outputs = session.run(None, {session.get_inputs()[0].name: tensor})
    return {value.name: np.asarray(output) for value, output in zip(session.get_outputs(), outputs)}


def _write(model: Any, output: str, card: Dict[str, Any], noise: np.ndarray) -> None:
    """Write a model and its card, after a run whose output the card must fit."""
    result = _run(model, noise, output)
    # The old card is removed first and the new one written last: where there is a card, the model is complete.
    remove_file(card_path(output))
    write_file(output, model.SerializeToString())
    write_file(card_path(output), as_json(card, output))
    try:
        decode(list(result.values()), read_card(output), noise.shape[2:], 0.5)
    except ModelError:
        remove_file(card_path(output))
        remove_file(output)
        raise
