"""A classifier's card: the JSON file beside a model that says what goes in, what comes out, and how often it is right.

weights/nano_resnet_s.onnx
weights/nano_resnet_s.json    {"name", "sha256", "task", "input", "labels", "superclasses", "superclass_of", "accuracy"}

The normalisation is in the model's graph. Other fields, such as "training", are for people.
"""

from typing import Any, Dict, NamedTuple, Optional, Tuple

from app.errors import ModelError
from app.modelcard import CLASSIFICATION, card_path, positive, read_fields, reason

MAKER = "python -m tools.train nano_resnet_s"
LARGEST_SIDE = 4096  # pixels


class Accuracy(NamedTuple):
    """What was measured on the whole test set of `images` images: fractions from 0 to 1, and the mean cross-entropy."""

    images: int
    top1: float
    top5: float
    superclass_top1: float
    loss: float


class ClassifierCard(NamedTuple):
    """What is known of a classifier.

    sha256: of the model file. superclass_of: for each label, which of the superclasses it belongs to. height, width: of
    the input in pixels, which is always RGB, NCHW. scale: what 0..255 is multiplied by. accuracy: None where the card
    does not say.
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
    """Read and check the card beside a model file.

    Raises ModelError when either file is missing, the card is not one of a classifier, or it was written for another
    model file.
    """
    fields = read_fields(model, MAKER)
    if "heads" in fields and "task" not in fields:
        raise ModelError(f"{model}: is a detector, not a classifier; see python -m app.detect")
    try:
        return _parse(fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{card_path(model)}: not a classifier's card: {reason(error)}") from error


def _parse(fields: Dict[str, Any]) -> ClassifierCard:
    if fields["task"] != CLASSIFICATION:
        raise ValueError("its task should be {}, is {}".format(CLASSIFICATION, fields["task"]))
    for key, value in (("layout", "NCHW"), ("colour", "RGB")):
        if fields["input"][key] != value:
            raise ValueError("input {} should be {}, is {}".format(key, value, fields["input"][key]))
    size = fields["input"]["size"]
    if not isinstance(size, list) or len(size) != 2:
        raise ValueError(f"the input's size should be height and width, is {size}")
    labels = _names(fields["labels"], "labels")
    superclasses = _names(fields["superclasses"], "superclasses")
    superclass_of = fields["superclass_of"]
    if not isinstance(superclass_of, list) or len(superclass_of) != len(labels):
        raise ValueError(f"superclass_of should be a list of {len(labels)} numbers, one for each label")
    return ClassifierCard(
        name=str(fields["name"]),
        sha256=str(fields["sha256"]),
        labels=labels,
        superclasses=superclasses,
        superclass_of=tuple(_whole(n, "a superclass", 0, len(superclasses) - 1) for n in superclass_of),
        height=_whole(size[0], "the input's height", 1, LARGEST_SIDE),
        width=_whole(size[1], "the input's width", 1, LARGEST_SIDE),
        scale=positive(fields["input"]["scale"], "the input's scale"),
        accuracy=_accuracy(fields.get("accuracy")),
    )


def _accuracy(fields: Optional[Dict[str, Any]]) -> Optional[Accuracy]:
    if fields is None:
        return None
    return Accuracy(
        images=_whole(fields["images"], "the accuracy's images", 1, 10**9),
        top1=_number(fields["top1"], "top1", 1),
        top5=_number(fields["top5"], "top5", 1),
        superclass_top1=_number(fields["superclass_top1"], "superclass_top1", 1),
        loss=_number(fields["loss"], "loss", 1e9),
    )


def _names(value: Any, what: str) -> Tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        raise ValueError(f"{what} should be a list of texts")
    if len(set(value)) != len(value):
        raise ValueError(f"{what} should be different ones")
    return tuple(value)


def _whole(value: Any, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} should be a whole number from {least} to {most}, is {value!r}")
    return value


def _number(value: Any, name: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:  # also refuses NaN
        raise ValueError(f"{name} should be from 0 to {most:g}, is {value!r}")
    return float(value)
