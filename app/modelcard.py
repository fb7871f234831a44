"""A model's card: the JSON file beside a model that describes its input and its outputs.

weights/yolov3-tiny.onnx
weights/yolov3-tiny.json    {"name", "sha256", "source", "input", "heads", "labels"}

Outputs of another form than Darknet's have {"form", "outputs"} and no "heads": see `app.layout`. A classifier's card
says `"task": "classification"`: see `classification/card.py`.
"""

import hashlib
import json
import os
import shlex
from contextlib import contextmanager
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from app.errors import ModelError
from app.fields import check_input, count, names, one_of, positive, yes_or_no
from app.layout import Head, Layout, parse_form

WEIGHTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "weights")
MAKER = "python -m tools.fetch yolov3-tiny && python -m tools.convert"
CLASSIFICATION = "classification"  # a classifier card's `task`; a detector's card has no task
RESIZE = ("rectangle", "letterbox", "stretch")  # how a frame is fitted into the input

# Of model files, so that the end of `v1.2` is no suffix: those of the backends here, and others that people may type.
SUFFIXES = ".onnx .ort .engine .trt .uff .pb .tflite .keras .h5 .weights .xml .bin .pt .pth .json".split()


class ModelCard(NamedTuple):
    """A detector's card.

    sha256: of the model file. multiple: input height and width are multiples of it. scale: the factor for pixel values
    0..255. resize: how a frame is fitted into the input: "rectangle" makes the input as long as the frame needs,
    "letterbox" pads the frame with grey, "stretch" does not keep the frame's proportions. size: width and height of the
    input that the model was made for, where that is known; fixed: it takes no other. form: of the outputs, described by
    `heads` for "darknet" and by `layout` for others. nms: whether they need it. The input is always RGB, NCHW.
    """

    name: str
    sha256: str
    labels: Tuple[str, ...]
    heads: Tuple[Head, ...]
    multiple: int
    scale: float
    resize: str = "rectangle"
    size: Optional[Tuple[int, int]] = None
    form: str = "darknet"
    layout: Layout = Layout()
    fixed: bool = False
    nms: bool = True

    def sides(self, longer: int) -> Tuple[int, int]:
        """Width and height of an input that is not fitted to the frame, with the proportions of `size`."""
        if self.size is None:
            return longer, longer
        ratio = longer / max(self.size) / self.multiple
        width, height = (max(1, round(side * ratio)) * self.multiple for side in self.size)
        return width, height


def find_model(name: str) -> str:
    """Path of a model given by path, or by its name in `weights/`. The file need not exist.

    A path has a separator or a model's suffix, or is a file here whose name has a dot in it; a name may have dots too.
    """
    if os.path.sep in name or stem(name) != name or ("." in name and os.path.isfile(name)):
        return name
    return os.path.join(WEIGHTS, name + ".onnx")


def stem(model: str) -> str:
    """A model's path without its suffix, if it has one of a model: of `weights/v1.2.onnx` it is `weights/v1.2`."""
    start, suffix = os.path.splitext(model)
    return start if suffix.lower() in SUFFIXES else model


def card_path(model: str) -> str:
    """Path of the card beside a model file."""
    return stem(model) + ".json"


def graph_path(model: str) -> str:
    """Path of TensorFlow's frozen graph beside a model file."""
    return stem(model) + ".pb"


def read_card(model: str) -> ModelCard:
    """Read and check the card beside a detector's model file.

    Raises ModelError when either file is missing, the card is not a detector's, or it was written for another file.
    """
    fields = read_fields(model)
    if fields.get("task") == CLASSIFICATION:
        raise ModelError(f"{model}: is a classifier, not a detector; see python -m app.evaluate")
    with checking(card_path(model), "model card"):
        return _parse(fields)


def no_model(path: str, maker: str = MAKER) -> ModelError:
    """The error for a missing model file. It lists the models in weights/ and names `maker`, the command for more."""
    try:
        files = os.listdir(WEIGHTS)
    except OSError:
        files = []
    names = ", ".join(sorted(os.path.splitext(file)[0] for file in files if file.endswith(".onnx"))) or "none yet"
    return ModelError(f"{path}: no such model; weights/ has: {names}; create one with: {maker}")


def read_fields(model: str, maker: str = MAKER) -> Dict[str, Any]:
    """The fields of the card beside a model file of any kind, after checking that the card has the model's hash.

    maker: the command that makes such models, for errors to name. Raises ModelError.
    """
    if not os.path.isfile(model):
        raise no_model(model, maker)
    path = card_path(model)
    if maker == MAKER and not os.path.exists(path) and stem(model) != model:
        raise ModelError(f"{model}: has no card beside it; make one with: {adopting(model)}")
    fields = read_json(path, "model card")
    with checking(path, "model card"):
        expected = fields["sha256"]
    if hash_model(model) != expected:
        name = os.path.basename(path)
        raise ModelError(f"{model}: its card {name} was written for another file; make both again with: {maker}")
    return fields


def adopting(model: str) -> str:
    """The command that makes the card of a model file that has none."""
    return f"python -m tools.adopt {shlex.quote(model)}"


def read_json(path: str, kind: str) -> Dict[str, Any]:
    """The fields of a JSON file that is a `kind`, as "model card". Raises ModelError."""
    try:
        with open(path, encoding="utf-8") as file, checking(path, kind):
            fields = json.load(file)
            if not isinstance(fields, dict):
                raise TypeError("it should be a JSON object")
            return fields
    except OSError as error:
        raise ModelError(f"{path}: the {kind} cannot be read: {error.strerror}") from error


@contextmanager
def checking(path: str, kind: str) -> Iterator[None]:
    """Turn what wrong fields of a file raise, in the code that takes them, into a ModelError of one line."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path}: not a {kind}: {reason}") from error


def hash_file(path: str) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OSError when it cannot be read."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def input_multiple(fields: Dict[str, Any], model: str) -> int:
    """The number that a model's input height and width are multiples of, from its card's fields; 1 where it has none.

    Raises ModelError.
    """
    with checking(card_path(model), "model card"):
        return count(fields.get("input", {}).get("multiple", 1), "the input's multiple", 1024)


def hash_model(model: str) -> str:
    """SHA-256 of a model file. Raises ModelError when it cannot be read."""
    try:
        return hash_file(model)
    except OSError as error:
        raise ModelError(f"{model}: {error.strerror}") from error


def _parse(fields: Dict[str, Any]) -> ModelCard:
    given = fields["input"]
    check_input(given)
    multiple = count(given["multiple"], "the input's multiple", 1024)
    form, heads, layout = parse_form(fields, multiple)
    size = None
    if "size" in given:
        width, height = (count(side, "a side of the input's size", 1 << 16) for side in given["size"])
        size = width, height
    resize = one_of(given.get("resize", RESIZE[0]), "the input's resize", RESIZE)
    fixed = yes_or_no(given.get("fixed", False), "the input's fixed")
    if fixed and (size is None or resize == "rectangle" or size[0] % multiple or size[1] % multiple):
        raise ValueError("a fixed input should have a size in multiples, and letterbox or stretch")
    return ModelCard(
        name=str(fields["name"]),
        sha256=str(fields["sha256"]),
        labels=names(fields["labels"], "labels"),
        heads=heads,
        multiple=multiple,
        scale=positive(given["scale"], "the input's scale"),
        resize=resize,
        size=size,
        form=form,
        layout=layout,
        fixed=fixed,
        nms=yes_or_no(fields.get("nms", True), "nms"),
    )
