"""Which data a classifier is evaluated on, and whether the two fit."""

import string
from typing import Optional, Sequence

from app.classification import views
from app.classification.card import CHANNELS, ClassifierCard
from app.classification.cifar100 import Cifar100
from app.classification.datasets import NAMES, DataSet, is_characters, open_dataset
from app.classification.emnist import Emnist
from app.errors import ModelError, UsageError

CHARACTERS = string.digits + string.ascii_letters


def choose_data(card: ClassifierCard, path: Optional[str] = None) -> str:
    """The name or path of the data: the path if there is one, else the data set that the card names.

    Where the card names none, grey images are the characters', and all others are of CIFAR-100. Raises ModelError for a
    name that is not known.
    """
    if path is not None:
        return path
    name = card.data or (Emnist.name if card.channels == Emnist.channels else Cifar100.name)
    if name not in NAMES:
        raise ModelError(
            f"{card.name}: its card names data that are not one of {', '.join(NAMES)}: {name}; use --data PATH"
        )
    return name


def open_data(card: ClassifierCard, path: str) -> DataSet:
    """The data with this name or path; of characters those that are the card's labels, in their order.

    Raises SourceError when they are missing or damaged.
    """
    picks = len(card.labels) > 1 and all(label in CHARACTERS and len(label) == 1 for label in card.labels)
    return open_dataset(path, "".join(card.labels) if picks and is_characters(path) else None)


def check_fit(model: str, card: ClassifierCard, data: DataSet) -> None:
    """Raise ModelError unless the model's image size, colour, labels and superclasses, if any, are the data's."""
    own, theirs = _images(card.channels, card.height, card.width), _images(data.channels, data.height, data.width)
    if own != theirs:
        raise ModelError(f"{model}: takes {own}, and {data.title} has {theirs}; name other data with --data")
    superclasses: Sequence[str] = data.superclasses if card.superclasses else ()
    for kind, named, expected in (
        ("label", card.labels, data.labels),
        ("superclass", card.superclasses, superclasses),
    ):
        if len(named) != len(expected):
            raise ModelError(f"{model}: its card has {len(named)} {kind} names, the data have {len(expected)}")
        for index, (name, right) in enumerate(zip(named, expected)):
            if name != right:
                raise ModelError(f"{model}: {kind} {index} is {name} on its card, and {right} in the data")


def check_views(count: int, data: DataSet) -> None:
    """Raise UsageError if mirror images are among this number of views, and the data's are of other classes."""
    if views.mirrors(count) and not data.mirrors:
        allowed = " or ".join(str(other) for other in views.COUNTS if not views.mirrors(other))
        raise UsageError(f"--views {count}: mirrored, a character is another one or none; use --views {allowed}")


def _images(channels: int, height: int, width: int) -> str:
    colour = next(name for name, count in CHANNELS.items() if count == channels)
    return f"{colour} images of {width}x{height} pixels"
