"""Looks at how the content of a pipe begins, and leaves it there for whoever reads it."""

import ctypes
import os

PEEKED = 4096  # bytes


def peek(number: int) -> bytes:
    """The first bytes in a pipe, as many as there are when the first come; none where it has ended, or is no pipe.

    number: its descriptor. Waits for them, like a read.
    """
    out, into = os.pipe()
    try:
        length = ctypes.CDLL(None).tee(number, into, ctypes.c_size_t(PEEKED), 0)  # tee(2); -1 for a socket
        return os.read(out, length) if length > 0 else b""
    except AttributeError:  # not Linux
        return b""
    finally:
        os.close(out)
        os.close(into)


def has_late_index(start: bytes) -> bool:
    """Whether this is the start of an MP4 or MOV whose pictures come before the index, without which nobody can tell
    where they are: as most are written. Small ones, which a decoder keeps in memory, do not count.
    """
    place = 0
    while place + 8 <= len(start) and start[4:8] in (b"ftyp", b"wide", b"mdat", b"free", b"skip"):
        size, kind = int.from_bytes(start[place : place + 4], "big"), start[place + 4 : place + 8]
        if kind == b"mdat":
            return size in (0, 1) or size > 1 << 16
        if kind == b"moov" or size < 8:
            return False
        place += size
    return False
