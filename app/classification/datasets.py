"""The data sets by name and by path: `open_dataset` finds out which one a folder or an archive has."""

import os
import zipfile
from typing import Optional

from app.classification.cifar100 import PICKLED, Cifar100
from app.classification.emnist import Emnist
from app.classification.reader import Batch, DataSet, names_in
from app.errors import SourceError, UsageError
from app.modelcard import WEIGHTS

__all__ = ["NAMES", "Batch", "DataSet", "data_path", "is_characters", "open_dataset"]

# For each name: its folder in weights/, and what `python -m tools.fetch` calls it.
_PLACES = {Cifar100.name: ("cifar-100-binary", "cifar-100"), Emnist.name: ("emnist-byclass", "emnist")}
NAMES = tuple(_PLACES)
_EMNIST = "emnist-"  # what the names of EMNIST's files begin with


def open_dataset(path: str, classes: Optional[str] = None) -> DataSet:
    """The data set with one of the NAMES, whose folder is in weights/, or the one in a folder or an archive.

    A name goes before a folder of that name here; write ./NAME for the folder. classes: the characters to pick, in the
    order of their labels, of `characters` only. Raises SourceError when it is missing or damaged, with the command that
    gets it, and UsageError for `classes` that it does not have.
    """
    place = data_path(path)
    fetch = "python -m tools.fetch " + (_PLACES[path][1] if path in _PLACES else "cifar-100 (or emnist)")
    if not os.path.exists(place):
        raise SourceError(f"{place}: not found; get it with: {fetch}")
    if is_characters(path):
        return Emnist(place, classes)
    readable = os.path.isdir(place) and os.access(place, os.R_OK)  # else Cifar100 says why not
    if readable and not PICKLED.union(Cifar100.files).intersection(names_in(place)):
        raise SourceError(f"{place}: has no files of CIFAR-100 or EMNIST; get them with: {fetch}")
    if os.path.isfile(place) and (os.path.basename(place).startswith(_EMNIST) or zipfile.is_zipfile(place)):
        raise SourceError(f"{place}: name a folder with EMNIST's files; make one with: python -m tools.fetch emnist")
    if classes is not None:
        raise UsageError("--classes picks characters of EMNIST; CIFAR-100 is used as a whole")
    return Cifar100(place)


def data_path(path: str) -> str:
    """The folder in weights/ of a data set given by name; any other path as it is."""
    return os.path.join(WEIGHTS, _PLACES[path][0]) if path in _PLACES else path


def is_characters(path: str) -> bool:
    """Whether a name or a path is of the characters: a folder with files of EMNIST."""
    if path in _PLACES:
        return path == Emnist.name
    return any(name.startswith(_EMNIST) for name in names_in(path))
