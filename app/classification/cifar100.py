"""CIFAR-100 in its official binary version, read as a stream: the archive, or the folder that it unpacks to.

A record is 3,074 bytes: the coarse label, the fine label, then 1,024 bytes each of red, green and blue, row by row.
Unlike the pickled version, it holds no code. Source: Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html
"""

import lzma
import os
import tarfile
import zlib
from contextlib import contextmanager
from typing import IO, Iterable, Iterator, List, Optional, Tuple

import numpy as np

from app.classification.reader import BLOCK, Batch, DataSet, names_in
from app.errors import SourceError

SIDE = 32  # height and width of an image in pixels
RECORD = 2 + 3 * SIDE * SIDE  # bytes
FINE, COARSE = 100, 20  # number of labels
FILES = ("train.bin", "test.bin", "fine_label_names.txt", "coarse_label_names.txt")
GET = "get it with: python -m tools.fetch cifar-100"
ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"
PICKLED = {"train", "test", "meta"}  # files of the Python version, which are never opened: unpickling runs code
PIECE = 1 << 18  # bytes per read: reading from an archive takes several times as much memory


class Cifar100(DataSet):
    """The data set in a folder or an archive (.tar, .tar.gz, .tar.xz). `fine_names` and `coarse_names` are its labels.

    An archive is decompressed again for every pass and never unpacked to disk. Raises SourceError, here and while
    reading, for missing and damaged files; the error names the file and the record.
    """

    name, title = "cifar-100", "CIFAR-100"
    channels, height, width = 3, SIDE, SIDE
    splits = ("train", "test")
    mirrors = True
    files = FILES

    def __init__(self, path: str) -> None:
        self.path = path
        if not os.path.exists(path):
            raise SourceError(f"{path}: not found; {GET}")
        self.labels = self.fine_names = self._names("fine_label_names.txt", FINE)
        self.superclasses = self.coarse_names = self._names("coarse_label_names.txt", COARSE)

    def count(self, split: str) -> int:
        """Number of images in a split, from the size of its file."""
        self.check_split(split)
        with self._open(split + ".bin") as (_, size):
            return self._count(split, size)

    def batches(self, split: str, size: int = BLOCK, limit: Optional[int] = None) -> Iterator[Batch]:
        self.check_split(split)
        with self._open(split + ".bin") as (file, length):
            left = self._count(split, length) if limit is None else min(limit, self._count(split, length))
            first = 0
            while left > 0:
                # Complete batches: as many as fit into a block, at least one.
                wanted = min(left, max(1, BLOCK // size) * size)
                block = self._read(split, file, first, wanted)
                for start in range(0, wanted, size):
                    records = block[start : start + size]
                    images = records[:, 2:].reshape(-1, 3, SIDE, SIDE)
                    yield Batch(images, records[:, 1], records[:, 0])
                first += wanted
                left -= wanted

    def load(self, split: str) -> Batch:
        """A complete split at once: 154 MB for the training set."""
        self.check_split(split)
        with self._open(split + ".bin") as (file, length):
            records = self._read(split, file, 0, self._count(split, length))
        return Batch(records[:, 2:].reshape(-1, 3, SIDE, SIDE), records[:, 1], records[:, 0])

    def _count(self, split: str, size: int) -> int:
        count, rest = divmod(size, RECORD)
        if rest:
            raise SourceError(
                f"{self.path}: {split}.bin: record {count} is cut off: it has {rest} of {RECORD} bytes; {GET}"
            )
        if not count:
            raise SourceError(f"{self.path}: {split}.bin is empty; {GET}")
        return count

    def _read(self, split: str, file: IO[bytes], first: int, count: int) -> np.ndarray:
        """Records as (count, 3074) uint8, their labels checked."""
        data = _read_exactly(file, count * RECORD)
        if len(data) < count * RECORD:
            self._count(split, first * RECORD + len(data))
            raise SourceError(f"{self.path}: {split}.bin ends before record {first + len(data) // RECORD}; {GET}")
        records = np.frombuffer(data, np.uint8).reshape(count, RECORD)
        for column, name, labels in ((1, "fine", FINE), (0, "coarse", COARSE)):
            wrong = np.flatnonzero(records[:, column] >= labels)
            if len(wrong):
                record, label = first + wrong[0], records[wrong[0], column]
                place = f"{self.path}: {split}.bin: record {record}"
                raise SourceError(f"{place}: {name} label {label} is not one of 0 to {labels - 1}; {GET}")
        return records

    def _names(self, name: str, expected: int) -> List[str]:
        with self._open(name) as (file, size):
            try:
                names = _read_exactly(file, min(size, 1 << 16)).decode("ascii").split()
            except UnicodeDecodeError:
                raise SourceError(f"{self.path}: {name}: not a list of names; {GET}") from None
        if len(names) != expected:
            raise SourceError(f"{self.path}: {name}: has {len(names)} names instead of {expected}; {GET}")
        return names

    @contextmanager
    def _open(self, name: str) -> Iterator[Tuple[IO[bytes], int]]:
        """One file of the data set, and its size in bytes."""
        try:
            if os.path.isdir(self.path):
                with open(os.path.join(self.path, name), "rb") as file:
                    yield file, os.fstat(file.fileno()).st_size
            else:
                # Not as a stream (r|*), which decompresses without limit: a small archive can fill the memory. And not
                # with getmember(), which reads the complete archive first.
                pickled = set()
                with tarfile.open(self.path) as archive:
                    for member in archive:
                        pickled |= PICKLED & {os.path.basename(member.name)}
                        if member.isfile() and os.path.basename(member.name) == name:
                            content = archive.extractfile(member)
                            assert content is not None  # it is a file
                            yield content, member.size
                            return
                raise self._missing(name, pickled)
        except FileNotFoundError:
            raise self._missing(name, names_in(self.path)) from None
        except SourceError:
            raise
        except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error) as error:
            if os.path.basename(self.path) in PICKLED and PICKLED.issubset(
                names_in(os.path.dirname(os.path.abspath(self.path)))
            ):
                raise self._missing(name, PICKLED) from None
            reason = str(error).split("\n")[0].rstrip(":")
            raise SourceError(f"{self.path}: damaged, or not an archive: {reason}; {GET}") from error
        except OSError as error:
            raise SourceError(f"{self.path}: {name}: {error.strerror or error}") from error

    def _missing(self, name: str, others: Iterable[str]) -> SourceError:
        """The error for a file that is not in the folder or archive, given the names of those that are."""
        if not PICKLED.issubset(others):
            return SourceError(f"{self.path}: contains no {name}; {GET}")
        return SourceError(
            f"{self.path}: that is the Python version of CIFAR-100; the binary one is at {ADDRESS}; {GET}"
        )


def _read_exactly(file: IO[bytes], size: int) -> bytes:
    """Up to `size` bytes, fewer only at the end of the file: a read from an archive may return fewer."""
    pieces = []
    while size > 0:
        piece = file.read(min(size, PIECE))
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
