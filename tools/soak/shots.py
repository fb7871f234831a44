"""Frames whose JPEGs carry their number, so that a recording tells which of them it has."""

from typing import Optional

import numpy as np

from app.detections import Detections
from app.frame import Frame
from app.sinks import Sink
from app.sinks.picture import Picture, encode

NOTHING = Detections.empty()
SIZE = 64, 48
MOST_BYTES = 60000  # of a JPEG: its padding is one comment, which has 16 bits for its length
_IMAGE: np.ndarray = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
_JPEG = encode(_IMAGE)
_COMMENT = b"\xff\xfe"


class Numbered(Picture):
    """A picture with a number in its JPEG, which has a given size."""

    __slots__ = ("_data",)

    def __init__(self, number: int, nbytes: int) -> None:
        super().__init__(_IMAGE, number)
        text = b"%012d" % number
        text += bytes(max(0, nbytes - len(_JPEG) - len(text) - 4))
        self._data = _JPEG[:2] + _COMMENT + (len(text) + 2).to_bytes(2, "big") + text + _JPEG[2:]

    def jpeg(self, width: Optional[int] = None) -> bytes:
        return self._data


def number_of(jpeg: bytes) -> int:
    """The number in a JPEG."""
    return int(jpeg[6:18])


def frame(number: int, seconds: float, nbytes: int = 2000) -> Frame:
    """A frame captured at a time, with a JPEG of a size in bytes."""
    made = Frame(_IMAGE, number, seconds, time=seconds)
    made.picture = Numbered(number, nbytes)
    return made


def put(sink: Sink, made: Frame) -> None:
    """Give it to a sink."""
    sink.write(made, made.image, NOTHING)
