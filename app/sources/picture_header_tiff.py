"""What a TIFF's first directory says, which is also the form of EXIF. Adobe's TIFF 6.0, and BigTIFF's 64-bit offsets.

Every offset and count is checked against the length of the file; only the first directory is read, so no chain of
directories can lead in a circle.
"""

import struct
from typing import Dict, List, NamedTuple, Optional, Tuple

Facts = Tuple[int, int, int, Optional[str]]  # width, height, orientation, damage

IN_HEADER = "cut off: ends before the picture begins"
IN_PICTURE = "cut off: ends in the middle of the picture"

WIDTH, HEIGHT, BITS, COMPRESSION, STRIPS, ORIENTATION, SAMPLES = 256, 257, 258, 259, 273, 274, 277
ROWS_PER_STRIP, STRIP_BYTES, PLANAR, TILES, TILE_BYTES = 278, 279, 284, 324, 325
NO_COMPRESSION = 1
MOST_ENTRIES = 0xFFFF  # a BigTIFF may promise more
MOST_PARTS = 1 << 20  # strips or tiles whose places are looked at

LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # struct's letter of each type of whole numbers
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


class Entry(NamedTuple):
    """A tag's values: `number` of the given type, from byte `position`."""

    tag: int
    type: int
    number: int
    position: int


class Directory(NamedTuple):
    """A directory's entries: those whose values lie within the file, and the others."""

    order: str  # struct's: "<" or ">"
    entries: List[Entry]
    beyond: List[Entry]  # those that do not
    is_cut: bool  # the file ends before the directory does


def is_tiff(data: bytes) -> bool:
    """Whether data starts as a TIFF or BigTIFF of either byte order does."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_directory(data: bytes) -> Optional[Directory]:
    """The first directory of a TIFF; None when data is not one, or ends before the directory."""
    if not is_tiff(data):
        return None
    order = "<" if data[:2] == b"II" else ">"
    big = b"+" in data[2:4]
    head, count_of, entry_of, inline = (8, "Q", "HHQ", 8) if big else (4, "H", "HHI", 4)
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, head)
        (count,) = struct.unpack_from(order + count_of, data, start)
    except (struct.error, OverflowError):
        return None
    start += struct.calcsize("=" + count_of)
    size = struct.calcsize("=" + entry_of) + inline
    count = min(count, MOST_ENTRIES)
    fitting = min(count, (len(data) - start) // size)
    entries: List[Entry] = []
    beyond: List[Entry] = []
    for position in range(start, start + fitting * size, size):
        tag, kind, values = struct.unpack_from(order + entry_of, data, position)
        position += size - inline
        length = SIZES.get(kind, 1) * values
        if length > inline:
            (position,) = struct.unpack_from(order + ("Q" if big else "I"), data, position)
        fits = position + length <= len(data)
        (entries if fits else beyond).append(Entry(tag, kind, values, position))
    return Directory(order, entries, beyond, fitting < count)


def numbers(data: bytes, directory: Directory) -> Dict[int, Entry]:
    """The entries whose values are whole numbers, by tag; of two with the same tag the first, as libtiff takes it."""
    return {entry.tag: entry for entry in reversed(directory.entries) if entry.type in LETTERS and entry.number}


def values(data: bytes, order: str, entry: Entry) -> Tuple[int, ...]:
    """All values of an entry."""
    return struct.unpack_from(f"{order}{entry.number}{LETTERS[entry.type]}", data, entry.position)


def exif_orientation(data: bytes) -> int:
    """The orientation, 1 to 8, in EXIF with or without its "Exif" prefix; 1 where it says nothing or nonsense."""
    if data[:4] == b"Exif":
        data = data[6:]
    directory = read_directory(data)
    if directory is None:
        return 1
    return _first(data, directory, numbers(data, directory), ORIENTATION, 1, most=8)


def _first(
    data: bytes, directory: Directory, entries: Dict[int, Entry], tag: int, default: int, *, most: int = 0
) -> int:
    """A tag's first value, or the default where it is absent, 0, or more than most."""
    if tag not in entries:
        return default
    value = values(data, directory.order, entries[tag]._replace(number=1))[0]
    return value if value > 0 and (not most or value <= most) else default


def tiff_facts(data: bytes) -> Facts:
    """Size, orientation, and whether all strips or tiles of the first picture lie within the file."""
    directory = read_directory(data)
    if directory is None:
        return 0, 0, 1, IN_HEADER
    entries = numbers(data, directory)

    def first(tag: int, default: int, most: int = 0) -> int:
        return _first(data, directory, entries, tag, default, most=most)

    width, height, orientation = first(WIDTH, 0), first(HEIGHT, 0), first(ORIENTATION, 1, 8)
    damage = None
    offsets = entries.get(STRIPS) or entries.get(TILES)
    # Of a list that lies beyond the end, a plausible length tells a cut file from a flipped bit, which decoders ignore.
    plausible = {STRIPS: 0, TILES: 0, BITS: first(SAMPLES, 1)}
    plausible.update({tag: offsets.number for tag in (STRIP_BYTES, TILE_BYTES) if offsets})
    if directory.is_cut or any(plausible.get(entry.tag) in (0, entry.number) for entry in directory.beyond):
        damage = "cut off: ends in the middle of the list of its parts"
    elif offsets is not None and offsets.number <= MOST_PARTS:
        lengths = entries.get(STRIP_BYTES if offsets.tag == STRIPS else TILE_BYTES)
        starts = values(data, directory.order, offsets)
        sizes = values(data, directory.order, lengths) if lengths else (1,) * len(starts)
        # The last strip holds fewer rows, and some writers state the full strip's length.
        if first(COMPRESSION, NO_COMPRESSION) == NO_COMPRESSION and offsets.tag == STRIPS:
            samples = first(SAMPLES, 1) if first(PLANAR, 1) == 1 else 1
            row = (width * samples * first(BITS, 1) + 7) // 8
            rows = min(first(ROWS_PER_STRIP, height), height)
            per_plane = -(-height // rows) if rows else 1
            wanted = [row * min(rows, height - rows * (index % per_plane)) for index in range(len(starts))]
            sizes = tuple(min(pair) for pair in zip(sizes, wanted))
        if any(start + size > len(data) for start, size in zip(starts, sizes)):
            damage = IN_PICTURE
    return width, height, orientation, damage


def upright_tiff(data: bytes) -> bytes:
    """The same TIFF, with an orientation of 1 in its first directory; data itself where it says nothing."""
    directory = read_directory(data)
    if directory is None:
        return data
    changed = bytearray()
    for entry in directory.entries:
        if entry.tag == ORIENTATION and entry.type in LETTERS and entry.number:
            changed = changed or bytearray(data)
            struct.pack_into(directory.order + LETTERS[entry.type], changed, entry.position, 1)
    return bytes(changed) if changed else data
