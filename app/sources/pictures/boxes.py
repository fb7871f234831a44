"""What the boxes of a JPEG 2000, an AVIF and a HEIF say.

A box: its size (4 bytes), its type (4); size 1: 8 more bytes of size; size 0: up to the end. JPEG 2000: ISO/IEC
15444-1, annexes A and I. HEIF: ISO/IEC 23008-12; `irot` and `imir` say what is turned there, and EXIF does not count.
"""

import struct
from typing import Dict, Iterator, List, Optional, Tuple

from app.sources.pictures.tiff import IN_HEADER, IN_PICTURE, Facts

HEIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
CODESTREAM = b"\xff\x4f\xff\x51"  # SOC, SIZ
MOST_BOXES = 1000  # in one box; real files have fewer than ten
MOST_PIECES = 64  # of an item; one is usual
# Anticlockwise quarter turns, then a mirror (None; 0: top and bottom change places; 1: left and right): EXIF's number.
TURNS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip


def _boxes(data: bytes, start: int, end: int) -> Iterator[Tuple[bytes, int, int]]:
    """Type, start of the content and end of each box; the end may lie beyond the file."""
    for _ in range(MOST_BOXES):
        if start + 8 > min(end, len(data)):
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        stop = end if size == 0 else start + size
        if size and size < head:
            return
        yield kind, start + head, stop
        start = stop


def jp2_facts(data: bytes) -> Facts:
    """The size; damaged when the codestream has no end, or a box is cut."""
    start = data.find(CODESTREAM)
    if start < 0 or len(data) < start + 24:
        return 0, 0, 1, IN_HEADER
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    damage = None if data.find(b"\xff\xd9", start + 24) >= 0 else IN_PICTURE
    return max(0, right - left), max(0, bottom - top), 1, damage


def heif_facts(data: bytes) -> Facts:
    """Size and orientation of the primary picture; damaged when what an item is made of lies beyond the end.

    Of a film (`avis`), decoders take the first frame of its track, which is not looked for.
    """
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"meta" and end <= len(data):
            boxes = {inner: (first, last) for inner, first, last in _boxes(data, start + 4, end)}
            width, height, orientation, needed = 0, 0, 1, 0
            try:
                width, height, orientation = _primary(data, boxes)
                needed = _needed(data, boxes[b"iloc"][0]) if b"iloc" in boxes else 0
            except (struct.error, IndexError):  # a box shorter than its own fields
                pass
            return width, height, orientation, IN_PICTURE if needed > len(data) and data[8:12] != b"avis" else None
    return 0, 0, 1, IN_HEADER


def _needed(data: bytes, position: int) -> int:
    """Where the last piece ends that an iloc box places in the file."""
    version, sizes, more_sizes = data[position], data[position + 4], data[position + 5]
    wide = 4 if version == 2 else 2  # bytes of a number of items, and of an item's number
    count = int.from_bytes(data[position + 6 : position + 6 + wide], "big")
    position, needed = position + 6 + wide, 0

    def number(size: int) -> int:
        nonlocal position
        position += size
        if position > len(data):
            raise IndexError
        return int.from_bytes(data[position - size : position], "big")

    for _ in range(min(count, MOST_BOXES)):
        number(wide)
        method = number(2) & 15 if version else 0  # 0: from the start of the file
        number(2)
        base = number(more_sizes >> 4)
        for _ in range(min(number(2), MOST_PIECES)):
            number(more_sizes & 15 if version else 0)
            end = base + number(sizes >> 4) + number(sizes & 15)
            needed = max(needed, end if method == 0 else 0)
    return needed


def _primary(data: bytes, boxes: Dict[bytes, Tuple[int, int]]) -> Tuple[int, int, int]:
    """Width, height and orientation, from the boxes in a meta box."""
    if b"pitm" not in boxes or b"iprp" not in boxes:
        return 0, 0, 1
    position = boxes[b"pitm"][0]
    (item,) = struct.unpack_from(">I" if data[position] else ">H", data, position + 4)
    inner = {kind: (first, last) for kind, first, last in _boxes(data, *boxes[b"iprp"])}
    if b"ipco" not in inner or b"ipma" not in inner:
        return 0, 0, 1
    properties = list(_boxes(data, *inner[b"ipco"]))
    width, height, turns = 0, 0, 0
    mirror: Optional[int] = None
    for index in _associations(data, inner[b"ipma"][0]).get(item, []):
        kind, first, _ = properties[index - 1] if 0 < index <= len(properties) else (b"", 0, 0)
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", data, first + 4)
        elif kind == b"irot":
            turns = data[first] & 3
        elif kind == b"imir":
            mirror = data[first] & 1
    return width, height, TURNS[turns, mirror]


def _associations(data: bytes, position: int) -> Dict[int, List[int]]:
    """The numbers of each item's properties, from 1, in an ipma box."""
    version, wide = data[position], data[position + 3] & 1
    (count,) = struct.unpack_from(">I", data, position + 4)
    position += 8
    found: Dict[int, List[int]] = {}
    for _ in range(min(count, MOST_BOXES)):
        (item,) = struct.unpack_from(">I" if version else ">H", data, position)
        position += 4 if version else 2
        number = data[position]
        form = ">{}{}".format(number, "H" if wide else "B")
        listed = struct.unpack_from(form, data, position + 1)
        found[item] = [value & (0x7FFF if wide else 0x7F) for value in listed]
        position += 1 + struct.calcsize(form)
    return found
