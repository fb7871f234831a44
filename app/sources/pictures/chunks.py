"""What the chunks of a PNG, the RIFF chunks of a WebP and the blocks of a GIF say.

PNG: W3C's specification, third edition. WebP: RFC 9649. GIF: GIF89a.
"""

import struct
import zlib
from typing import List, Tuple

from app.sources.pictures.tiff import IN_HEADER, IN_PICTURE, Facts, exif_orientation

LARGEST_PROFILE = 1 << 20  # bytes of EXIF that are unpacked from a text chunk
PIECE = 1 << 14  # bytes that are unpacked at a time; they become 1032 times as many at most


def png_facts(data: bytes) -> Facts:
    """Size and orientation; damaged when it ends before its pixels do.

    The end chunk alone may be missing, and checksums are left to the decoder.
    """
    if len(data) < 33:
        return 0, 0, 1, IN_HEADER
    width, height = struct.unpack_from(">II", data, 16)
    orientation, packed, position, kind = 0, [], 8, b""
    while position + 8 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        start, position = position + 8, position + 12 + length
        if kind == b"IDAT":
            packed.append((start, start + length))
        elif kind == b"eXIf":
            orientation = exif_orientation(data[start : start + length])
        elif kind in (b"tEXt", b"zTXt") and not orientation:
            orientation = _profile_orientation(kind, data[start : start + length])
    damage = None
    if kind != b"IEND":
        row_bits = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(data[25], 1) * data[24] * width
        least = height * (1 + (row_bits + 7) // 8)  # interlaced pictures have some more
        damage = None if packed and _unpacks_to(data, packed, least) else IN_PICTURE if packed else IN_HEADER
    return width, height, orientation or 1, damage


def _unpacks_to(data: bytes, packed: List[Tuple[int, int]], least: int) -> bool:
    """Whether the pixels unpack to so many bytes. Nothing is kept of them."""
    unpacker = zlib.decompressobj()
    try:
        for start, end in packed:
            for first in range(start, end, PIECE):
                least -= len(unpacker.decompress(data[first : min(first + PIECE, end)]))
                if least <= 0:
                    return True
    except zlib.error:
        return True  # damage of another kind, which decoders report
    return False


def _profile_orientation(kind: bytes, chunk: bytes) -> int:
    """Of EXIF that ImageMagick wrote as text: a name, a length, and hexadecimal digits; 0 for other texts.

    1 for nonsense, so that only the first such text is unpacked.
    """
    keyword, _, text = chunk.partition(b"\0")
    if keyword not in (b"Raw profile type exif", b"Raw profile type APP1"):
        return 0
    try:
        if kind == b"zTXt":
            text = zlib.decompressobj().decompress(text[1:], LARGEST_PROFILE)
        return exif_orientation(bytes.fromhex("".join(text[:LARGEST_PROFILE].decode("ascii").split()[2:])))
    except (zlib.error, ValueError):
        return 1


def webp_facts(data: bytes) -> Facts:
    """Size and orientation; damaged when it is shorter than RIFF's size."""
    length = int.from_bytes(data[4:8], "little")
    damage = IN_PICTURE if 8 + length > len(data) else None
    width, height, orientation, position = 0, 0, 0, 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + min(size, 10)]
        if kind == b"EXIF" and not orientation:
            orientation = exif_orientation(data[position + 8 : position + 8 + size])
        elif not width and len(body) == 10 and kind == b"VP8X":  # its canvas
            width, height = (1 + int.from_bytes(body[start : start + 3], "little") for start in (4, 7))
        elif not width and len(body) == 10 and kind == b"VP8 ":
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
        elif not width and len(body) >= 5 and kind == b"VP8L":
            bits = int.from_bytes(body[1:5], "little")
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        position += 8 + size + size % 2
    return width, height, orientation or 1, damage


def gif_facts(data: bytes) -> Facts:
    """The size of the screen; damaged when the first picture's blocks are cut."""
    if len(data) < 13:
        return 0, 0, 1, IN_HEADER
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _colours(flags)
    while position < len(data):
        kind = data[position]
        if kind == 0x2C:
            if position + 10 > len(data):
                break
            position += 11 + _colours(data[position + 9])
            end = _end_of_blocks(data, position)
            # The empty block that ends them may be missing.
            return width, height, 1, IN_PICTURE if position >= len(data) or end > len(data) else None
        if kind == 0x3B:
            return width, height, 1, "holds no picture: ends before the first"
        position = _end_of_blocks(data, position + 2) + 1 if kind == 0x21 else position + 1
    return width, height, 1, IN_HEADER


def _colours(flags: int) -> int:
    """The length of the colour table, in bytes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_blocks(data: bytes, position: int) -> int:
    """Where the empty block is that ends a row of blocks; beyond the end of data when one of them is cut."""
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position
