"""A classifier's card: the JSON file beside a model that describes its input, its labels and its accuracy.

weights/nano_resnet_s.onnx
weights/nano_resnet_s.json    {"name", "sha256", "task", "input", "labels", "superclasses", "superclass_of", "accuracy"}

The normalisation is in the model's graph. Other fields, such as "training", are for people.
"""

from typing import Any, Dict, NamedTuple, Optional, Tuple

from app.errors import ModelError
from app.modelcard import CLASSIFICATION, card_path, check_input, checking, names, number, positive, read_fields

MAKER = "python -m tools.train nano_resnet_s"
LARGEST_SIDE = 4096  # pixels


class Accuracy(NamedTuple):
    """Measured on the complete test set of `images` images: fractions from 0 to 1, and the mean cross-entropy."""

    images: int
    top1: float
    top5: float
    superclass_top1: float
    loss: float


class ClassifierCard(NamedTuple):
    """A classifier's card.

    sha256: of the model file. superclass_of: for each label, the number of its superclass. height, width: of the input
    in pixels, which is always RGB, NCHW. scale: the factor for pixel values 0..255. accuracy: None if it is unknown.
    """

    name: str
    sha256: str
    labels: Tuple[str, ...]
    superclasses: Tuple[str, ...]
    superclass_of: Tuple[int, ...]
    height: int
    width: int
    scale: float
    accuracy: Optional[Accuracy]


def read_classifier_card(model: str) -> ClassifierCard:
    """Read and check the card beside a classifier's model file.

    Raises ModelError when either file is missing, the card is not a classifier's, or it was written for another file.
    """
    fields = read_fields(model, MAKER)
    if "heads" in fields and "task" not in fields:
        raise ModelError(f"{model}: is a detector, not a classifier; see python -m app.detect")
    with checking(card_path(model), "classifier's card"):
        return _parse(fields)


def _parse(fields: Dict[str, Any]) -> ClassifierCard:
    if fields["task"] != CLASSIFICATION:
        raise ValueError(f"its task should be {CLASSIFICATION}, is {fields['task']}")
    check_input(fields["input"])
    size = fields["input"]["size"]
    if not isinstance(size, list) or len(size) != 2:
        raise ValueError(f"the input's size should be [height, width], is {size}")
    labels, superclasses = (names(fields[field], field) for field in ("labels", "superclasses"))
    for field, values in (("labels", labels), ("superclasses", superclasses)):
        if len(set(values)) != len(values):
            raise ValueError(f"{field} should all be different")
    superclass_of = fields["superclass_of"]
    if not isinstance(superclass_of, list) or len(superclass_of) != len(labels):
        raise ValueError(f"superclass_of should be a list of {len(labels)} numbers, one for each label")
    return ClassifierCard(
        name=str(fields["name"]),
        sha256=str(fields["sha256"]),
        labels=labels,
        superclasses=superclasses,
        superclass_of=tuple(_whole(n, "superclass_of", 0, len(superclasses) - 1) for n in superclass_of),
        height=_whole(size[0], "the input's height", 1, LARGEST_SIDE),
        width=_whole(size[1], "the input's width", 1, LARGEST_SIDE),
        scale=positive(fields["input"]["scale"], "the input's scale"),
        accuracy=None if fields.get("accuracy") is None else _accuracy(fields["accuracy"]),
    )


def _accuracy(fields: Dict[str, Any]) -> Accuracy:
    return Accuracy(
        images=_whole(fields["images"], "the accuracy's images", 1, 10**9),
        top1=float(number(fields["top1"], "top1", 0, 1)),
        top5=float(number(fields["top5"], "top5", 0, 1)),
        superclass_top1=float(number(fields["superclass_top1"], "superclass_top1", 0, 1)),
        loss=float(number(fields["loss"], "loss", 0, 1e9)),
    )


def _whole(value: Any, field: str, low: int, high: int) -> int:
    if number(value, field, low, high) != int(value):
        raise ValueError(f"{field} should be a whole number, is {value!r}")
    return int(value)
