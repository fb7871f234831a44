"""Elements of EBML (RFC 8794): an id, a size, a content, which may be elements. A size may be unknown."""

import itertools
import struct
from typing import BinaryIO, Dict, Iterator, NamedTuple, Optional

MAX_CHILDREN = 1000  # of a header's element
UNKNOWN = -1


class Element(NamedTuple):
    """An element: its id, where its content is, and its end, UNKNOWN if that shows only in what follows.

    What is cut off ends behind what it is in.
    """

    name: int
    start: int
    end: int


def read_element(file: BinaryIO, place: int, limit: int) -> Optional[Element]:
    """The element at a place in a file, None if it does not begin before the limit."""
    if place + 2 > limit:
        return None
    file.seek(place)
    head = file.read(12)
    first = 9 - head[0].bit_length() if head else 9  # bytes of the id
    if first > 4 or len(head) <= first:
        return None
    second = 9 - head[first].bit_length()  # bytes of the size
    if second > 8 or len(head) < first + second:
        return None
    mask = (1 << 7 * second) - 1
    size = int.from_bytes(head[first : first + second], "big") & mask
    start = place + first + second
    end = UNKNOWN if size == mask else start + size
    return Element(int.from_bytes(head[:first], "big"), start, end)


def elements(file: BinaryIO, parent: Element) -> Iterator[Element]:
    """The elements in one whose end is known, up to the first that is damaged or cut off."""
    place = parent.start
    while True:
        element = read_element(file, place, parent.end)
        if element is None or element.end == UNKNOWN or element.end > parent.end:
            return
        yield element
        place = element.end


def children(file: BinaryIO, parent: Element) -> Dict[int, Element]:
    """The first element of each id in a header's element."""
    found: Dict[int, Element] = {}
    for element in itertools.islice(elements(file, parent), MAX_CHILDREN):
        found.setdefault(element.name, element)
    return found


def content(file: BinaryIO, element: Optional[Element], length: int = 256) -> bytes:
    """The content, at most `length` bytes of it; none of what is not there."""
    if element is None:
        return b""
    file.seek(element.start)
    return file.read(min(length, max(0, element.end - element.start)))


def unsigned(file: BinaryIO, element: Optional[Element], default: int = 0) -> int:
    """The content as an unsigned number."""
    return default if element is None else int.from_bytes(content(file, element, 8), "big")


def real(file: BinaryIO, element: Optional[Element], default: float = 0.0) -> float:
    """The content as a number of 4 or 8 bytes with a fraction; the default if that is no finite number."""
    data = content(file, element, 8)
    if len(data) not in (4, 8):
        return default
    value = float(struct.unpack(">f" if len(data) == 4 else ">d", data)[0])
    return value if abs(value) < 1e30 else default
