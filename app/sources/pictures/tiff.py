"""What a TIFF's first directory says, which is also the form of EXIF. Adobe's TIFF 6.0, and BigTIFF's 64-bit offsets.

Every offset and count is checked against the length of the file; only the first directory is read, so no chain of
directories can lead in a circle.
"""

import struct
from typing import Dict, List, NamedTuple, Optional, Tuple

Facts = Tuple[int, int, int, Optional[str]]  # width, height, orientation, damage

IN_HEADER = "cut off: ends before the picture begins"
IN_PICTURE = "cut off: ends in the middle of the picture"
IN_LISTS = "cut off: ends before it says where all parts of the picture are"

WIDTH, HEIGHT, BITS, COMPRESSION, STRIPS, ORIENTATION, SAMPLES = 256, 257, 258, 259, 273, 274, 277
ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 278, 279, 284
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, JPEG_TABLES = 322, 323, 324, 325, 347
NO_COMPRESSION = 1
MOST_ENTRIES = 0xFFFF  # a BigTIFF may promise more
MOST_PARTS = 1 << 16  # strips or tiles whose places are looked at

LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # struct's letter of each type of whole numbers
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


class Entry(NamedTuple):
    """A tag's values: `number` of the given type, from byte `position`."""

    tag: int
    type: int
    number: int
    position: int


class Directory(NamedTuple):
    """A directory of a TIFF."""

    data: bytes  # the TIFF
    order: str  # struct's: "<" or ">"
    entries: Dict[int, Entry]  # by tag: those of whole numbers that lie within the file
    beyond: List[Entry]  # those whose values lie beyond its end
    is_cut: bool  # the file ends before the directory does

    def values(self, tag: int, number: int = 0) -> Tuple[int, ...]:
        """So many of a tag's values, or all."""
        entry = self.entries[tag]
        form = f"{self.order}{number or entry.number}{LETTERS[entry.type]}"
        return struct.unpack_from(form, self.data, entry.position)

    def first(self, tag: int, default: int) -> int:
        """A tag's first value; the default where it is 0 or absent."""
        return (self.values(tag, 1)[0] if tag in self.entries else 0) or default

    def orientation(self) -> int:
        """1 to 8; 1 where it is something else."""
        value = self.first(ORIENTATION, 1)
        return value if value <= 8 else 1


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
    entries: Dict[int, Entry] = {}
    beyond: List[Entry] = []
    for position in range(start, start + fitting * size, size):
        tag, kind, number = struct.unpack_from(order + entry_of, data, position)
        position += size - inline
        length = SIZES.get(kind, 1) * number
        if length > inline:
            (position,) = struct.unpack_from(order + ("Q" if big else "I"), data, position)
        entry = Entry(tag, kind, number, position)
        if position + length > len(data):
            beyond.append(entry)
        elif kind in LETTERS and number:
            entries.setdefault(tag, entry)  # of two with the same tag the first, as libtiff takes it
    return Directory(data, order, entries, beyond, fitting < count)


def exif_orientation(data: bytes) -> int:
    """The orientation, 1 to 8, in EXIF with or without its "Exif" prefix; 1 where it says nothing or nonsense."""
    directory = read_directory(data[6:] if data[:4] == b"Exif" else data)
    return directory.orientation() if directory else 1


def tiff_facts(data: bytes) -> Facts:
    """Size, orientation, and whether all strips or tiles of the first picture lie within the file."""
    directory = read_directory(data)
    if directory is None:
        return 0, 0, 1, IN_HEADER
    damage = None
    if _has_lost_a_list(directory):
        damage = IN_LISTS
    elif _has_lost_a_part(directory):
        damage = IN_PICTURE
    return directory.first(WIDTH, 0), directory.first(HEIGHT, 0), directory.orientation(), damage


def _has_lost_a_list(directory: Directory) -> bool:
    """Whether the directory, or a list without which there is no picture, lies beyond the end of the file.

    A plausible length tells a list that was cut off from a flipped bit, which decoders ignore.
    """
    if directory.is_cut:
        return True
    offsets = directory.entries.get(STRIPS) or directory.entries.get(TILES)
    lengths = {BITS: directory.first(SAMPLES, 1)}
    if offsets:
        lengths.update({STRIP_BYTES: offsets.number, TILE_BYTES: offsets.number})
    needed = (STRIPS, TILES, JPEG_TABLES)
    return any(entry.tag in needed or lengths.get(entry.tag) == entry.number for entry in directory.beyond)


def _has_lost_a_part(directory: Directory) -> bool:
    """Whether a strip or tile lies beyond the end of the file, or the last one in it is cut.

    A length that reaches beyond the end over other parts is wrong, and decoders get by without it.
    """
    places, lengths = (STRIPS, STRIP_BYTES) if STRIPS in directory.entries else (TILES, TILE_BYTES)
    if not {places, lengths} <= set(directory.entries) or directory.entries[places].number > MOST_PARTS:
        return False
    starts, sizes, end = directory.values(places), directory.values(lengths), len(directory.data)
    if directory.first(COMPRESSION, NO_COMPRESSION) == NO_COMPRESSION:
        sizes = tuple(min(size, _least_size(directory, index)) for index, size in enumerate(sizes))
    parts = [(start, start + size) for start, size in zip(starts, sizes) if size]
    return bool(parts) and (max(parts)[0] >= end or max(parts)[1] > end)


def _least_size(directory: Directory, index: int) -> int:
    """The bytes of a part without compression, up to its last pixel that lies in the picture.

    The last strip may be shorter than its length says, and the last tiles hold padding.
    """
    width, height = directory.first(WIDTH, 0), directory.first(HEIGHT, 0)
    columns, rows = directory.first(TILE_WIDTH, width), directory.first(TILE_HEIGHT, 0)
    rows = rows or min(directory.first(ROWS_PER_STRIP, height), height)
    if not (width and height and columns and rows):
        return 0
    across, down = -(-width // columns), -(-height // rows)
    bits = directory.first(BITS, 1) * (directory.first(SAMPLES, 1) if directory.first(PLANAR, 1) == 1 else 1)
    rows = min(rows, height - rows * (index // across % down))
    last_row = min(columns, width - columns * (index % across))
    return (rows - 1) * ((columns * bits + 7) // 8) + (last_row * bits + 7) // 8


def upright_tiff(data: bytes) -> bytes:
    """The same TIFF, with an orientation of 1 in its first directory; data itself where it says nothing."""
    directory = read_directory(data)
    if directory is None or ORIENTATION not in directory.entries:
        return data
    entry, changed = directory.entries[ORIENTATION], bytearray(data)
    struct.pack_into(directory.order + LETTERS[entry.type], changed, entry.position, 1)
    return bytes(changed)
