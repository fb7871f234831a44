"""Whether a video file is shorter than its container says: the sign of an incomplete download or recording.

The frame count in the header does not tell: in most containers it is estimated from the duration, possibly the sound's.
"""

import os
from typing import BinaryIO, Tuple

MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")  # the first of a file


def is_cut_off(path: str) -> bool:
    """Whether the last bytes of an AVI, MP4, MOV, Matroska or FLV file are missing; False for other kinds."""
    length = os.path.getsize(path)
    with open(path, "rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF":
            return 8 + int.from_bytes(start[4:8], "little") > length
        if start[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska_end(file, length) > length
        if start[4:8] in MP4_BOXES:
            return _mp4_end(file, length) > length
        if start[:4] == b"FLV\x01":
            return not _ends_with_tag(file, length)
    return False


def _mp4_end(file: BinaryIO, length: int) -> int:
    """Where the last box ends. A box: size (4 bytes), type (4); size 1: 8 more bytes of size; 0: the rest."""
    end = 0
    while end + 8 <= length:
        file.seek(end)
        size = int.from_bytes(file.read(4), "big")
        if size == 1:
            file.seek(end + 8)
            size = int.from_bytes(file.read(8), "big")
        if size < 8:  # 0: up to the end of the file; 2 to 7 are invalid
            return length
        end += size
    return end


def _ends_with_tag(file: BinaryIO, length: int) -> bool:
    """Whether an FLV ends with a whole tag: 11 bytes, of which 1 to 3 are the size of its content, that, and then the
    size of both.
    """
    file.seek(length - 4)
    size = int.from_bytes(file.read(4), "big")
    if not 11 <= size <= length - 4:
        return False
    file.seek(length - 4 - size)
    return int.from_bytes(file.read(4)[1:], "big") == size - 11


def _matroska_end(file: BinaryIO, length: int) -> int:
    """Where the segment, the second element after the EBML header, ends; 0 if its size is unknown."""
    end = 0
    for _ in range(2):
        if end > length:
            break
        file.seek(end)
        _read_variable(file)  # the element's id
        size, is_open = _read_variable(file)
        if is_open:
            return 0
        end = file.tell() + size
    return end


def _read_variable(file: BinaryIO) -> Tuple[int, bool]:
    """An EBML number, without its length marker, and whether all its bits are set, which means "unknown"."""
    first = file.read(1) or b"\x80"
    extra = 8 - first[0].bit_length() if first[0] else 7
    bits = 7 * (extra + 1)
    value = int.from_bytes(first + file.read(extra), "big") & ((1 << bits) - 1)
    return value, value == (1 << bits) - 1
