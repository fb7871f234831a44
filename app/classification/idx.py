"""Files in IDX format, as MNIST and EMNIST use it, packed by gzip or not, read as a stream.

Two zero bytes, the type of the numbers (8: unsigned byte), the number of dimensions, each dimension as a big-endian
32-bit number, then the numbers, the last dimension fastest. Source: LeCun, http://yann.lecun.com/exdb/mnist/
"""

import gzip
import os
import struct
import zlib
from contextlib import contextmanager
from typing import Any, Iterator, List, Tuple

import numpy as np

from app.errors import SourceError

BYTES = 8  # the type of the only files that are read here
MOST = 10**7  # records of a file; EMNIST's largest has 697,932


class Idx:
    """The records of an open IDX file: `count` of them, each of `shape`, to be read in order."""

    def __init__(self, file: Any, path: str, shape: Tuple[int, ...], advice: str) -> None:
        """Read the header. Raises SourceError unless it says unsigned bytes of (records, *shape)."""
        self.path, self.shape = path, shape
        self._file, self._next, self._advice = file, 0, advice
        dimensions = 1 + len(shape)
        self._header = 4 + 4 * dimensions  # bytes
        self._length = int(np.prod(shape, dtype=np.int64))  # of a record in bytes
        header = self._bytes(self._header)
        expected = bytes([0, 0, BYTES, dimensions])
        if len(header) < 4 or (len(header) < self._header and header[:4] == expected):
            raise self._error("its header is cut off")
        if header[:4] != expected:
            raise self._error(f"its magic number is {header[:4].hex()} instead of {expected.hex()}")
        sizes = struct.unpack(f">{dimensions}I", header[4:])
        if sizes[1:] != shape:
            raise self._error(f"its records are of {_times(sizes[1:])} instead of {_times(shape)}")
        if not 1 <= sizes[0] <= MOST:
            raise self._error(f"its header says {sizes[0]} records; 1 to {MOST} are possible")
        self.count = sizes[0]

    def check_size(self, size: int) -> None:
        """Raise SourceError unless an unpacked file of `size` bytes has all its records and no more."""
        records, rest = divmod(size - self._header, self._length)
        if records < self.count:
            raise self._error(f"record {records} of {self.count} is cut off, or missing")
        if records > self.count or rest:
            raise self._error(f"is longer than its {self.count} records")

    def read(self, count: int) -> np.ndarray:
        """The next records, (count, *shape) uint8, read-only. Raises SourceError where the file ends before."""
        data = self._bytes(count * self._length)
        if len(data) < count * self._length:
            record = self._next + len(data) // self._length
            raise self._error(f"record {record} of {self.count} is cut off, or missing")
        self._next += count
        return np.frombuffer(data, np.uint8).reshape((count,) + self.shape)

    def finish(self) -> None:
        """Raise SourceError if bytes follow the last record. Reading on also compares gzip's checksum."""
        try:
            rest = self._file.read1(1)
        except EOFError:
            raise self._error("its end is cut off") from None
        if rest:
            raise self._error(f"is longer than its {self.count} records")

    def _error(self, reason: str) -> SourceError:
        return SourceError(f"{self.path}: {reason}; {self._advice}")

    def _bytes(self, size: int) -> bytes:
        """Up to `size` bytes, fewer where the file ends or a packed one breaks off."""
        pieces: List[bytes] = []
        while size > 0:
            try:
                # At most one read of the file below: when that one fails, what came before it is not lost.
                piece = self._file.read1(size)
            except EOFError:
                break
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


@contextmanager
def open_idx(path: str, shape: Tuple[int, ...], advice: str) -> Iterator[Idx]:
    """Open an IDX file of unsigned bytes, a gzip file if its name ends in .gz.

    shape: of a record; () for a number. advice: what to do when it is damaged, for errors to say.

    Raises SourceError, here and while it is read, when it cannot be read, has another form, or its size and its header
    contradict each other.
    """
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            idx = Idx(file, path, shape, advice)
            if not path.endswith(".gz"):
                idx.check_size(os.fstat(file.fileno()).st_size)
            yield idx
    except SourceError:
        raise
    except zlib.error as error:
        raise SourceError(f"{path}: damaged: {error}; {advice}") from error
    except OSError as error:  # also gzip's, for files that are not packed and for wrong checksums
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}; {advice}") from error


def _times(sizes: Tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))
