"""The names of a model's classes: from its metadata, from the command line, or made up."""

import ast
import os
from typing import Any, Dict, Optional, Sequence, Tuple

from app.errors import ModelError, UsageError
from models.yolov3_tiny import LABELS as COCO
from tools.darknet_models import UNNAMED

LARGEST = 1 << 18  # characters of metadata that are parsed, and bytes of a file
MOST = 10000  # labels
LONGEST = 200  # characters


def literal(text: str) -> Any:
    """The value of a literal of Python's, as exporters write into metadata; None for anything else.

    Nothing is evaluated: `ast.literal_eval` only builds numbers, texts, lists, tuples and dictionaries.
    """
    if len(text) > LARGEST:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def labels_of_metadata(metadata: Dict[str, str], path: str) -> Optional[Tuple[str, ...]]:
    """The labels that an exporter has written into the model; None if it has not. Raises ModelError for wrong ones."""
    if "names" not in metadata:
        return None
    names = literal(metadata["names"])
    if isinstance(names, dict):
        names = [names.get(number) for number in range(len(names))]
    if not isinstance(names, (list, tuple)) or not all(map(_is_label, names)) or not 0 < len(names) <= MOST:
        raise ModelError(f"{path}: the names in its metadata cannot be read; give them by --labels FILE")
    return tuple(names)


def labels_of_option(text: str) -> Tuple[str, ...]:
    """The labels of --labels: a file with one a line, or the labels with commas between them. Raises UsageError."""
    if not os.path.exists(text):
        names = [name.strip() for name in text.split(",")]
        if len(names) == 1 and (os.path.sep in text or os.path.splitext(text)[1]):
            raise UsageError(f"--labels {text}: no such file")
    else:
        try:
            with open(text, "rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            raise UsageError(f"--labels {text}: {error.strerror}") from error
        names = [name.strip() for name in data.decode("utf-8-sig", "replace").rstrip().split("\n")]
        if len(data) > LARGEST:
            names = []
    if not all(map(_is_label, names)) or not 0 < len(names) <= MOST:
        raise UsageError(f"--labels {text[:80]}: should be a text file with one label a line, or labels as cat,dog")
    return tuple(names)


def without_background(labels: Sequence[str]) -> Tuple[str, ...]:
    """Labels without the background, which jetson-inference's files begin with."""
    return tuple(labels[1:] if labels[0].casefold() in ("background", "__background__") else labels)


def made_up(classes: int) -> Tuple[str, ...]:
    """COCO's labels for 80 classes, numbers for others."""
    return COCO if classes == len(COCO) else tuple(UNNAMED.format(number) for number in range(classes))


def _is_label(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() and name.strip() != ""
