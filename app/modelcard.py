"""A model's card: the JSON file beside a model that says what goes in and what its outputs mean.

weights/yolov3-tiny.onnx
weights/yolov3-tiny.json    {"name", "sha256", "source", "input", "heads", "labels"}

A classifier's card says `"task": "classification"`: see `classifiercard.py`.
"""

import hashlib
import json
import os
from typing import Any, Dict, NamedTuple, Tuple

from app.errors import ModelError

WEIGHTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "weights")
MAKER = "python -m tools.fetch yolov3-tiny && python -m tools.convert"
CLASSIFICATION = "classification"  # a card's `task`; a detector's card has none


class Head(NamedTuple):
    """One detection head: its stride in input pixels, and its anchors (width, height) in input pixels."""

    stride: int
    anchors: Tuple[Tuple[float, float], ...]


class ModelCard(NamedTuple):
    """What is known of a model.

    sha256: of the model file. multiple: input height and width are multiples of it. scale: what 0..255 is multiplied
    by. The input is always RGB, NCHW.
    """

    name: str
    sha256: str
    labels: Tuple[str, ...]
    heads: Tuple[Head, ...]
    multiple: int
    scale: float


def find_model(name: str) -> str:
    """Path of a model given by path, or by its name in `weights/`. The file need not exist."""
    if os.path.sep in name or os.path.splitext(name)[1]:
        return name
    return os.path.join(WEIGHTS, name + ".onnx")


def card_path(model: str) -> str:
    """Path of the card beside a model file."""
    return os.path.splitext(model)[0] + ".json"


def graph_path(model: str) -> str:
    """Path of TensorFlow's frozen graph beside a model file."""
    return os.path.splitext(model)[0] + ".pb"


def read_card(model: str) -> ModelCard:
    """Read and check the card beside a model file.

    Raises ModelError when either file is missing, the card is not one of a detector, or it was written for another
    model file.
    """
    fields = read_fields(model)
    if fields.get("task") == CLASSIFICATION:
        raise ModelError(f"{model}: is a classifier, not a detector; see python -m app.evaluate")
    try:
        return _parse(fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{card_path(model)}: not a model card: {reason(error)}") from error


def no_model(path: str, maker: str = MAKER) -> ModelError:
    """The error for a model file that is not there: which ones are, and the command that makes such models."""
    try:
        files = os.listdir(WEIGHTS)
    except OSError:
        files = []
    names = sorted(os.path.splitext(file)[0] for file in files if file.endswith(".onnx"))
    there = ", ".join(names) or "none yet"
    return ModelError(f"{path}: no such model; weights/ has: {there}; more are made with: {maker}")


def read_fields(model: str, maker: str = MAKER) -> Dict[str, Any]:
    """The fields of the card beside a model file of any kind, once its hash has been found to be the model's.

    maker: the command that makes such models, for errors to name.
    """
    if not os.path.isfile(model):
        raise no_model(model, maker)
    path = card_path(model)
    try:
        with open(path, encoding="utf-8") as file:
            fields: Dict[str, Any] = json.load(file)
        expected = fields["sha256"]
    except OSError as error:
        raise ModelError(f"{path}: the model's card cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: not a model card: {reason(error)}") from error
    if hash_model(model) != expected:
        raise ModelError(
            f"{model}: its card {os.path.basename(path)} was written for another file; make both again with: {maker}"
        )
    return fields


def hash_file(path: str) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OSError when it cannot be read."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def input_multiple(fields: Dict[str, Any], model: str) -> int:
    """What a model's input height and width are multiples of, by the fields of its card; 1 where it says nothing."""
    try:
        return max(1, int(positive(fields.get("input", {}).get("multiple", 1), "the input's multiple", 1024)))
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{card_path(model)}: not a model card: {error}") from error


def hash_model(model: str) -> str:
    """SHA-256 of a model file. Raises ModelError when it cannot be read."""
    try:
        return hash_file(model)
    except OSError as error:
        raise ModelError(f"{model}: {error.strerror}") from error


def _parse(fields: Dict[str, Any]) -> ModelCard:
    expected = {"layout": "NCHW", "colour": "RGB"}
    for key, value in expected.items():
        if fields["input"][key] != value:
            raise ValueError("input {} should be {}, is {}".format(key, value, fields["input"][key]))
    multiple = int(positive(fields["input"]["multiple"], "the input's multiple", 1024))
    heads = tuple(
        Head(
            int(positive(head["stride"], "a stride", multiple)),
            tuple((positive(w, "an anchor"), positive(h, "an anchor")) for w, h in head["anchors"]),
        )
        for head in fields["heads"]
    )
    if any(multiple % head.stride for head in heads):
        raise ValueError(f"the input's multiple {multiple} is not a multiple of every stride")
    labels = fields["labels"]
    if not heads or not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise ValueError("it should have heads, and labels that are texts")
    return ModelCard(
        name=str(fields["name"]),
        sha256=str(fields["sha256"]),
        labels=tuple(labels),
        heads=heads,
        multiple=multiple,
        scale=positive(fields["input"]["scale"], "the input's scale"),
    )


def positive(value: Any, name: str, most: float = 1e4) -> float:
    """A field that is a number above 0 and at most `most`. Raises ValueError, which calls it `name`, for another."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        raise ValueError(f"{name} should be above 0 and at most {most:g}, is {value!r}")
    return float(value)


def reason(error: Exception) -> str:
    """What to say of an exception that reading a card has raised."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
