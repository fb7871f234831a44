"""EMNIST by-class, handwritten digits and letters, in its official IDX files, read as a stream.

Records are 28x28 grey, white ink on black, and stored with rows and columns exchanged; the reader puts them upright.
Source: Cohen and others, "EMNIST: an extension of MNIST to handwritten letters", 2017,
https://www.nist.gov/itl/products-and-services/emnist-dataset
"""

import os
from typing import Dict, Iterator, List, Optional, Tuple

import numpy as np

from app.classification.idx import open_idx
from app.classification.reader import BLOCK, Batch, DataSet
from app.errors import SourceError, UsageError

SIDE = 28  # height and width of an image in pixels
NUMBERS = 62  # classes in the files: 0-9, A-Z, a-z
# The default: every digit, every capital but O, and the small letters that do not look like their capital.
CLASSES = "0123456789ABCDEFGHIJKLMNPQRSTUVWXYZabdefghilmnoqrtuy"
PREFIX = "emnist-byclass-"
MAPPING = PREFIX + "mapping.txt"
PARTS = ("train", "test")
IMAGES = {part: f"{PREFIX}{part}-images-idx3-ubyte" for part in PARTS}
LABELS = {part: f"{PREFIX}{part}-labels-idx1-ubyte" for part in PARTS}
# Every name that a file of the data set may have.
FILES = (MAPPING,) + tuple(name + end for names in (IMAGES, LABELS) for name in names.values() for end in ("", ".gz"))
GET = "get it with: python -m tools.fetch emnist"
TENTHS = {"test": 0, "validation": 1}  # the last digit of a record's number, where a part of the files is split


class Emnist(DataSet):
    """The characters in a folder with the files of by-class, packed by gzip or not, each as it is published.

    classes: the characters to pick, which become the labels in this order (default: CLASSES); other records are left
    out. Records keep their number n in the file. With the test part alone, n % 10 == 0 is the split `test`, 1 is
    `validation`, and the others are `train`. With the training part too, n % 10 == 1 of it is `validation`, the rest
    of it `train`, and the test part `test`.

    complete: whether the training part is there. Raises SourceError, here and while reading, for missing and damaged
    files, and UsageError for classes that it does not have.
    """

    name, title = "characters", "EMNIST"
    superclasses: List[str] = []
    channels, height, width = 1, SIDE, SIDE
    splits = ("train", "validation", "test")
    mirrors = False
    files = FILES

    def __init__(self, path: str, classes: Optional[str] = None) -> None:
        self.path = path
        if not os.path.isdir(path):
            reason = "is not a folder" if os.path.exists(path) else "not found"
            raise SourceError(f"{path}: {reason}; {GET}")
        characters = self._mapping()
        self.labels = pick(classes, characters)
        self._class_of = np.full(NUMBERS, -1, np.int16)  # for each number in the files; -1 for what is not picked
        self._class_of[[characters.index(label) for label in self.labels]] = np.arange(len(self.labels))
        self.complete = any(self._find(names["train"]) for names in (IMAGES, LABELS))
        self._numbers: Dict[str, np.ndarray] = {}

    def count(self, split: str) -> int:
        part, classes = self._classes(split)
        with open_idx(self._file(IMAGES[part]), (SIDE, SIDE), GET) as images:
            self._check_count(part, images.count)
        return int(np.count_nonzero(classes >= 0))

    def batches(self, split: str, size: int = BLOCK, limit: Optional[int] = None) -> Iterator[Batch]:
        count = self.count(split)
        left = count if limit is None else min(limit, count)
        whole = left == count  # then up to the end of the file, where its checksum is
        images, fine = np.empty((0, 1, SIDE, SIDE), np.uint8), np.empty(0, np.uint8)
        for block in self._blocks(split):
            images, fine = np.concatenate([images, block.images]), np.concatenate([fine, block.fine])
            while left > 0 and len(fine) >= min(size, left):
                taken = min(size, left)
                yield Batch(images[:taken], fine[:taken], None)
                images, fine, left = images[taken:], fine[taken:], left - taken
            if left == 0 and not whole:
                return

    def load(self, split: str) -> Batch:
        """A complete split at once: 784 bytes an image, 68 MB for the 52 default classes of the test part."""
        images = np.empty((self.count(split), 1, SIDE, SIDE), np.uint8)
        fine, first = np.empty(len(images), np.uint8), 0
        for block in self._blocks(split):
            last = first + len(block.fine)
            images[first:last], fine[first:last] = block.images, block.fine
            first = last
        return Batch(images, fine, None)

    def check(self) -> Dict[str, int]:
        """Read every record, of all classes; the number of records of each part of the files that is there."""
        counts = {}
        for part in PARTS if self.complete else ("test",):
            counts[part] = len(self._read_numbers(part))
            for _ in self._records(part):
                pass
        return counts

    def _blocks(self, split: str) -> Iterator[Batch]:
        """The images of a split as they come: of one block of records each, so of any number."""
        part, classes = self._classes(split)
        for first, block in self._records(part):
            own = classes[first : first + len(block)]
            chosen = np.flatnonzero(own >= 0)
            images = np.ascontiguousarray(block[chosen].transpose(0, 2, 1))[:, None]
            yield Batch(images, own[chosen].astype(np.uint8), None)

    def _records(self, part: str) -> Iterator[Tuple[int, np.ndarray]]:
        """The number of its first record, and the images (n, 28, 28) as they are stored, of every block of a part."""
        with open_idx(self._file(IMAGES[part]), (SIDE, SIDE), GET) as images:
            self._check_count(part, images.count)
            for first in range(0, images.count, BLOCK):
                yield first, images.read(min(BLOCK, images.count - first))
            images.finish()

    def _classes(self, split: str) -> Tuple[str, np.ndarray]:
        """The part of the files that a split is in, and the class (n,) int16 of its records, -1 for the others."""
        self.check_split(split)
        part = "test" if split == "test" or not self.complete else "train"
        classes = self._class_of[self._read_numbers(part)]
        tenths = np.arange(len(classes)) % 10
        if not self.complete:
            other = tenths != TENTHS[split] if split in TENTHS else tenths <= max(TENTHS.values())
        elif part == "train":
            other = (tenths == TENTHS["validation"]) != (split == "validation")
        else:
            other = np.zeros(len(classes), bool)
        classes[other] = -1
        if not (classes >= 0).any():
            raise SourceError(f"{self.path}: the split {split} has no image of the {len(self.labels)} classes")
        return part, classes

    def _read_numbers(self, part: str) -> np.ndarray:
        """The class numbers of all records of a part as the files have them, (n,) uint8, checked. Kept once read."""
        if part not in self._numbers:
            path = self._file(LABELS[part])
            with open_idx(path, (), GET) as labels:
                numbers = labels.read(labels.count)
                labels.finish()
            wrong = np.flatnonzero(numbers >= NUMBERS)
            if len(wrong):
                label = numbers[wrong[0]]
                raise SourceError(f"{path}: record {wrong[0]}: label {label} is not one of 0 to {NUMBERS - 1}; {GET}")
            self._numbers[part] = numbers
        return self._numbers[part]

    def _check_count(self, part: str, images: int) -> None:
        labels = len(self._read_numbers(part))
        if images != labels:
            path = self._file(IMAGES[part])
            raise SourceError(f"{path}: has {images} records, and its labels' file has {labels}; {GET}")

    def _find(self, name: str) -> Optional[str]:
        """Path of a file, unpacked or packed; None where it is not there."""
        paths = [os.path.join(self.path, name + end) for end in ("", ".gz")]
        return next((path for path in paths if os.path.exists(path)), None)

    def _file(self, name: str) -> str:
        path = self._find(name)
        if path is None:
            raise SourceError(f"{self.path}: contains no {name}.gz; {GET}")
        return path

    def _mapping(self) -> List[str]:
        """The character of each class number."""
        path = os.path.join(self.path, MAPPING)
        try:
            with open(path, "rb") as file:
                words = [int(word) for word in file.read(1 << 12).split()]
        except FileNotFoundError:
            raise SourceError(f"{self.path}: contains no {MAPPING}; {GET}") from None
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError:
            words = []
        codes = words[1::2]
        printable = all(32 < code < 127 for code in codes)
        if words[::2] != list(range(NUMBERS)) or len(set(codes)) != NUMBERS or not printable:
            raise SourceError(f"{path}: should give {NUMBERS} different characters, one a line, as in 0 48; {GET}")
        return [chr(code) for code in codes]


def pick(classes: Optional[str], characters: List[str]) -> List[str]:
    """The labels for `classes`, checked against the characters of the files; CLASSES for None. Raises UsageError."""
    labels = list(CLASSES if classes is None else classes)
    for label in labels:
        if label not in characters:
            raise UsageError(f"--classes: EMNIST has no character {label!r}; it has {''.join(characters)}")
        if labels.count(label) > 1:
            raise UsageError(f"--classes: {label!r} is there more than once")
    if len(labels) < 2:
        raise UsageError("--classes: name at least two characters, as in --classes 0123456789")
    return labels
