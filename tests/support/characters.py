"""Small data sets in the form of EMNIST by-class."""

import gzip
import struct

import numpy as np

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MAPPING = "".join(f"{number} {ord(character)}\n" for number, character in enumerate(ALPHABET)).encode()


def idx(array, magic=None, count=None):
    """An array of unsigned bytes as an IDX file's content; magic and count: what the header says instead."""
    sizes = (len(array) if count is None else count,) + array.shape[1:]
    header = bytes([0, 0, 8, array.ndim]) if magic is None else magic
    return header + struct.pack(f">{array.ndim}I", *sizes) + array.tobytes()


def packed(content):
    return gzip.compress(content, 1)


def records(count, seed=0):
    """Upright images (n, 28, 28) and their numbers (n,), both uint8; every class is there if there are 62 or more.

    An image is noise round a level of its own, so that their means are not all alike.
    """
    random = np.random.RandomState(seed)
    images = random.randint(0, 200, (count, 1, 1)) + random.randint(0, 56, (count, 28, 28))
    return images.astype(np.uint8), (np.arange(count) * 7 % 62).astype(np.uint8)


def emnist_files(part="test", images=None, numbers=None, pack=packed, end=".gz"):
    """The names and contents of the files of a part of EMNIST, the images upright."""
    return {
        f"emnist-byclass-{part}-images-idx3-ubyte{end}": pack(idx(images.transpose(0, 2, 1))),
        f"emnist-byclass-{part}-labels-idx1-ubyte{end}": pack(idx(numbers)),
        "emnist-byclass-mapping.txt": MAPPING,
    }


def write_files(folder, files):
    """The folder's path, with these files in it."""
    if not folder.exists():
        folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder)


def write_characters(folder, test=300, train=0, pack=packed, end=".gz"):
    """A data set with this many records in its parts; without a training part for 0. Its path."""
    parts = [("test", test, 1)] + [("train", train, 2)] * (train > 0)
    for part, count, seed in parts:
        write_files(folder, emnist_files(part, *records(count, seed), pack=pack, end=end))
    return str(folder)
