"""Boxes of MP4 and MOV (ISO 14496-12): size (4 bytes), type (4); size 1: 8 more bytes of size; 0: the rest.

Every number is bounded by the box round it, and that by the file: a damaged one reads too little, never too much.
"""

import itertools
from typing import BinaryIO, Dict, Iterator, NamedTuple

import numpy as np

MAX_CHILDREN = 200  # of one box; a film has a dozen


class Box(NamedTuple):
    """A box: its type, and where in the file its content is."""

    kind: bytes
    start: int
    end: int


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places in a file, up to the first that is not one."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, body = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), start + 16
        elif size == 0:
            size = end - start
        if size < body - start or body > end:
            return
        yield Box(head[4:8], body, min(start + size, end))
        start += size


def children(file: BinaryIO, box: Box, skip: int = 0) -> Dict[bytes, Box]:
    """The first box of each type in a box. skip: bytes before the first, such as the fields of a sample entry."""
    found: Dict[bytes, Box] = {}
    for child in itertools.islice(boxes(file, box.start + skip, box.end), MAX_CHILDREN):
        found.setdefault(child.kind, child)
    return found


def content(file: BinaryIO, box: Box, length: int = 256) -> bytes:
    """The first bytes of a box, as many as there are, with zeros up to `length`: a field that is missing is 0."""
    file.seek(box.start)
    return file.read(min(length, max(0, box.end - box.start))).ljust(length, b"\0")


def number(data: bytes, start: int, length: int = 4) -> int:
    """An unsigned number of `length` bytes."""
    return int.from_bytes(data[start : start + length], "big")


def table(file: BinaryIO, box: Box, kind: str, count: int, skip: int = 8) -> np.ndarray:
    """`count` entries of a numpy type after the first `skip` bytes of a box, or as many as it has."""
    dtype = np.dtype(kind)
    room = max(0, box.end - box.start - skip)
    file.seek(box.start + skip)
    data = file.read(min(count, room // dtype.itemsize) * dtype.itemsize)
    return np.frombuffer(data, dtype, len(data) // dtype.itemsize)
