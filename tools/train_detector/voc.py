"""Pascal VOC labels: an XML file per picture, with objects that have a name and the corners of a box in pixels.

The form is that of the VOC2007 development kit. Corners are taken as they are. Nothing that an XML file can ask for is
done: a file with a DOCTYPE, and so with entities, is refused.
"""

import math
import os
from typing import Any
from xml.parsers import expat

from app.errors import SourceError
from tools.train_detector.examples import Object

LARGEST_FILE = 4 << 20  # bytes
DEEPEST = 16  # elements inside of one another
CORNERS = ("xmin", "ymin", "xmax", "ymax")
ENTRY = ("annotation", "object")


def read_voc(path: str) -> list[Object]:
    """The objects in a file. Raises SourceError, which says what is wrong with it."""
    try:
        if os.path.getsize(path) > LARGEST_FILE:
            raise SourceError(f"{path}: is larger than {LARGEST_FILE >> 20} MB, so it is no label of one picture")
        with open(path, "rb") as file:
            return _Reader().read(file.read())
    except (ValueError, LookupError, expat.ExpatError) as error:
        raise SourceError(f"{path}: not a Pascal VOC label: {error}") from error
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error


class _Reader:
    """Follows the elements of a document."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self._fields: dict[str, str] = {}
        self.objects: list[Object] = []

    def read(self, data: bytes) -> list[Object]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.Parse(data, True)
        return self.objects

    def _start(self, name: str, attributes: Any) -> None:
        self._path.append(name)
        self._text.clear()
        if len(self._path) > DEEPEST:
            raise ValueError("its elements are nested too deeply")
        if len(self._path) == 1 and name != ENTRY[0]:
            raise ValueError(f"it should be an <annotation>, is a <{name[:20]}>")
        if tuple(self._path) == ENTRY:
            self._fields = {}

    def _end(self, name: str) -> None:
        inside = tuple(self._path[2:])
        if inside == ("name",) or (len(inside) == 2 and inside[0] == "bndbox"):
            self._fields.setdefault(name, "".join(self._text).strip())  # parts of an object are deeper, and not used
        if tuple(self._path) == ENTRY:
            self.objects.append(_object(self._fields, len(self.objects) + 1))
        self._path.pop()
        self._text.clear()


def _object(fields: dict[str, str], number: int) -> Object:
    if not fields.get("name"):
        raise ValueError(f"object {number} has no name")
    missing = [corner for corner in CORNERS if corner not in fields]
    if missing:
        raise ValueError(f"object {number} has no <{missing[0]}> in its <bndbox>")
    try:
        x1, y1, x2, y2 = (float(fields[corner]) for corner in CORNERS)
    except ValueError:
        raise ValueError(f"the corners of object {number} should be numbers") from None
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError(f"the corners of object {number} should be finite")
    return Object(fields["name"], (x1, y1, x2, y2))


def _refuse(*_: Any) -> None:
    raise ValueError("it has a DOCTYPE, which could name other files; remove it")
