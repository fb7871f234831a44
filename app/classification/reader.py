"""What every reader of a data set has in common: the batches that it gives, and its attributes."""

import os
from typing import Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from app.errors import UsageError

BLOCK = 1000  # records read at once


class Batch(NamedTuple):
    """Labelled images: (n, channels, height, width) uint8, RGB or grey, and their labels' numbers, (n,) uint8.

    coarse: the numbers of their superclasses, (n,) uint8; None where the data set has none.
    """

    images: np.ndarray
    fine: np.ndarray
    coarse: Optional[np.ndarray]


class DataSet:
    """A data set of labelled images of one size, read from files. Every pass reads them again, in constant memory.

    name: as in `--data NAME`; title: as people write it. path: its folder or archive. labels, superclasses: names in
    the order of their numbers; superclasses is empty where there are none. channels: 3 (RGB) or 1 (grey). height,
    width: in pixels. splits: names of its splits. mirrors: whether a mirror image is of the same class. files: names
    of its files. Its methods raise SourceError for missing and damaged files, and UsageError for an unknown split.
    """

    name: str
    title: str
    path: str
    labels: List[str]
    superclasses: List[str]
    channels: int
    height: int
    width: int
    splits: Tuple[str, ...]
    mirrors: bool
    files: Tuple[str, ...]

    def count(self, split: str) -> int:
        """Number of images in a split."""
        raise NotImplementedError

    def batches(self, split: str, size: int = BLOCK, limit: Optional[int] = None) -> Iterator[Batch]:
        """The images of a split in order, `size` at a time (the last batch may be smaller), at most `limit` in all."""
        raise NotImplementedError

    def load(self, split: str) -> Batch:
        """A complete split at once."""
        raise NotImplementedError

    def check_split(self, split: str) -> None:
        """Raise UsageError unless the data set has a split of this name."""
        if split not in self.splits:
            names = ", ".join(self.splits[:-1]) + " or " + self.splits[-1]
            raise UsageError(f"{self.path}: {self.title} has no split called {split!r}; use --split {names}")


def names_in(folder: str) -> List[str]:
    """The names of the files and folders in a folder; none where it cannot be read, or is no folder."""
    try:
        return os.listdir(folder)
    except OSError:
        return []
