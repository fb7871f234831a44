"""A classifier's card: the JSON file beside a model that describes its input, its labels and its accuracy.

weights/nano_resnet_s.onnx
weights/nano_resnet_s.json    {"name", "sha256", "task", "data", "input", "labels", "superclasses", "superclass_of",
                               "accuracy"}

"data" is the name of the data set that it was made for; "superclasses" and "superclass_of" are on cards of labels that
have them. The normalisation is in the model's graph. Other fields, such as "training", are for people.
"""

from typing import Any, Dict, NamedTuple, Optional, Tuple

from app.errors import ModelError
from app.fields import check_input, names, number, positive
from app.modelcard import CLASSIFICATION, card_path, checking, read_fields

MAKER = "python -m tools.train nano_resnet_s"
LARGEST_SIDE = 4096  # pixels
CHANNELS = {"RGB": 3, "grey": 1}  # of the input, by its colour


class Accuracy(NamedTuple):
    """Measured on the complete test set of `images` images: fractions from 0 to 1, and the mean cross-entropy.

    superclass_top1: None where there are no superclasses.
    """

    images: int
    top1: float
    top5: float
    superclass_top1: Optional[float]
    loss: float


class ClassifierCard(NamedTuple):
    """A classifier's card.

    sha256: of the model file. superclass_of: for each label, the number of its superclass; both this and superclasses
    are empty where there are none. height, width: of the input in pixels, which is always NCHW. scale: the factor for
    pixel values 0..255. accuracy: None if it is unknown. channels: 3 for RGB, 1 for grey. data: the name of its data
    set, as `open_dataset` takes it; None if the card has none.
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
    channels: int = 3
    data: Optional[str] = None


def read_classifier_card(model: str) -> ClassifierCard:
    """Read and check the card beside a classifier's model file.

    Raises ModelError when either file is missing, the card is not a classifier's, or it was written for another file.
    """
    fields = read_fields(model, MAKER)
    if ("heads" in fields or "form" in fields) and "task" not in fields:
        raise ModelError(f"{model}: is a detector, not a classifier; see python -m app.detect")
    with checking(card_path(model), "classifier's card"):
        return _parse(fields)


def _parse(fields: Dict[str, Any]) -> ClassifierCard:
    if fields["task"] != CLASSIFICATION:
        raise ValueError(f"its task should be {CLASSIFICATION}, is {fields['task']}")
    check_input(fields["input"], tuple(CHANNELS))
    size = fields["input"]["size"]
    if not isinstance(size, list) or len(size) != 2:
        raise ValueError(f"the input's size should be [height, width], is {size}")
    labels = _different(fields["labels"], "labels")
    superclasses, superclass_of = _superclasses(fields, len(labels))
    data = fields.get("data")
    if data is not None and not isinstance(data, str):
        raise ValueError(f"data should be the name of a data set, is {data!r}")
    return ClassifierCard(
        name=str(fields["name"]),
        sha256=str(fields["sha256"]),
        labels=labels,
        superclasses=superclasses,
        superclass_of=superclass_of,
        height=_whole(size[0], "the input's height", 1, LARGEST_SIDE),
        width=_whole(size[1], "the input's width", 1, LARGEST_SIDE),
        scale=positive(fields["input"]["scale"], "the input's scale"),
        accuracy=None if fields.get("accuracy") is None else _accuracy(fields["accuracy"], superclasses != ()),
        channels=CHANNELS[fields["input"]["colour"]],
        data=data,
    )


def _different(value: Any, field: str) -> Tuple[str, ...]:
    if len(set(names(value, field))) != len(value):
        raise ValueError(f"{field} should all be different")
    return tuple(value)


def _superclasses(fields: Dict[str, Any], labels: int) -> Tuple[Tuple[str, ...], Tuple[int, ...]]:
    """The superclasses, and for each label the number of its own; two empty tuples where the card has neither."""
    if "superclasses" not in fields and "superclass_of" not in fields:
        return (), ()
    superclasses, superclass_of = _different(fields["superclasses"], "superclasses"), fields["superclass_of"]
    if not isinstance(superclass_of, list) or len(superclass_of) != labels:
        raise ValueError(f"superclass_of should be a list of {labels} numbers, one for each label")
    return superclasses, tuple(_whole(n, "superclass_of", 0, len(superclasses) - 1) for n in superclass_of)


def _accuracy(fields: Dict[str, Any], with_superclasses: bool) -> Accuracy:
    return Accuracy(
        images=_whole(fields["images"], "the accuracy's images", 1, 10**9),
        top1=_fraction(fields, "top1"),
        top5=_fraction(fields, "top5"),
        superclass_top1=_fraction(fields, "superclass_top1") if with_superclasses else None,
        loss=float(number(fields["loss"], "loss", 0, 1e9)),
    )


def _fraction(fields: Dict[str, Any], field: str) -> float:
    return float(number(fields[field], field, 0, 1))


def _whole(value: Any, field: str, low: int, high: int) -> int:
    if number(value, field, low, high) != int(value):
        raise ValueError(f"{field} should be a whole number, is {value!r}")
    return int(value)
