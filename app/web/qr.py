"""QR codes for a terminal, so that a phone need not type the token: ISO/IEC 18004, bytes, level L, versions 1 to 5."""

from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

DATA = (19, 34, 55, 80, 108)  # codewords of data, by version from 1 on: one block each
CORRECTION = (7, 10, 15, 20, 26)  # codewords of error correction
QUIET = 4  # modules of white around it
FORMAT_MASK, FORMAT_GENERATOR, LEVEL_L = 0x5412, 0x537, 0b01
FINDER_LIKE = ([1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1])
BLACK_ON_WHITE, RESET = "\033[30;107m", "\033[0m"


def qr_text(text: str) -> str:
    """The code of a text in lines for a terminal, two modules to a character; empty for one that is too long."""
    modules = qr_code(text.encode())
    if modules is None:
        return ""
    framed = np.pad(modules, ((QUIET, QUIET + modules.shape[0] % 2), (QUIET, QUIET)), "constant")
    lines = []
    for upper, lower in zip(framed[::2].tolist(), framed[1::2].tolist()):
        lines.append(BLACK_ON_WHITE + "".join(" ▄▀█"[2 * above + below] for above, below in zip(upper, lower)) + RESET)
    return "\n".join(lines)


def qr_code(data: bytes) -> Optional[np.ndarray]:
    """The modules (n, n) uint8 of a code for up to 106 bytes, 1 is dark; None for more."""
    version = next((number for number, size in enumerate(DATA, 1) if len(data) + 2 <= size), None)
    if version is None:
        return None
    words = _padded(data, DATA[version - 1])
    words += _correction(words, CORRECTION[version - 1])
    bits = [word >> shift & 1 for word in words for shift in range(7, -1, -1)]
    modules, fixed = _patterns(version)
    path = _path(modules.shape[0], fixed)
    for (row, column), bit in zip(path, bits):  # what is left over stays 0
        modules[row, column] = bit
    candidates = [_masked(modules, fixed, number) for number in range(8)]
    return min(candidates, key=_penalty)


def _padded(data: bytes, size: int) -> List[int]:
    """Mode and length, the data, an end, and the padding that the standard wants."""
    nibbles = [0b0100, len(data) >> 4, len(data) & 15]
    for byte in data:
        nibbles += [byte >> 4, byte & 15]
    nibbles.append(0)
    words = [16 * high + low for high, low in zip(nibbles[::2], nibbles[1::2])]
    return words + [0xEC if index % 2 == 0 else 0x11 for index in range(size - len(words))]


def _multiply(a: int, b: int) -> int:
    """In GF(256), over x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def _correction(words: Sequence[int], count: int) -> List[int]:
    """The Reed-Solomon codewords: the remainder of the data by the product of (x - 2^i)."""
    generator, root = [1], 1
    for _ in range(count):
        longer = generator + [0]
        for index, factor in enumerate(generator):
            longer[index + 1] ^= _multiply(factor, root)
        generator, root = longer, _multiply(root, 2)
    rest = list(words) + [0] * count
    for index in range(len(words)):
        lead = rest[index]
        for offset, factor in enumerate(generator):
            rest[index + offset] ^= _multiply(factor, lead)
    return rest[len(words) :]


def _patterns(version: int) -> Tuple[np.ndarray, np.ndarray]:
    """The modules that are the same in every code of a version, and which these are."""
    size = 17 + 4 * version
    modules, fixed = np.zeros((size, size), np.uint8), np.zeros((size, size), bool)
    modules[6, ::2] = modules[::2, 6] = 1
    fixed[6] = fixed[:, 6] = True
    finder = np.zeros((9, 9), np.uint8)
    finder[1:8, 1:8], finder[2:7, 2:7], finder[3:6, 3:6] = 1, 0, 1
    for rows, columns, part in (
        (slice(0, 8), slice(0, 8), finder[1:, 1:]),
        (slice(0, 8), slice(size - 8, size), finder[1:, :8]),
        (slice(size - 8, size), slice(0, 8), finder[:8, 1:]),
    ):
        modules[rows, columns] = part
    fixed[:9, :9] = fixed[:9, -8:] = fixed[-8:, :9] = True  # with the room for the format
    if version > 1:
        alignment = np.ones((5, 5), np.uint8)
        alignment[1:4, 1:4] = 0
        alignment[2, 2] = 1
        modules[-9:-4, -9:-4] = alignment
        fixed[-9:-4, -9:-4] = True
    modules[size - 8, 8] = 1
    return modules, fixed


def _path(size: int, fixed: np.ndarray) -> List[Tuple[int, int]]:
    """Where the bits go: in pairs of columns from the right, up and down, past the column of the timing pattern."""
    path, upwards = [], True
    for right in [*range(size - 1, 6, -2), 5, 3, 1]:
        for row in range(size - 1, -1, -1) if upwards else range(size):
            path += [(row, column) for column in (right, right - 1) if not fixed[row, column]]
        upwards = not upwards
    return path


def _masked(modules: np.ndarray, fixed: np.ndarray, number: int) -> np.ndarray:
    """A code under one of the eight masks, with its format."""
    row, column = np.indices(modules.shape)
    product = row * column
    condition = (
        (row + column) % 2,
        row % 2,
        column % 3,
        (row + column) % 3,
        (row // 2 + column // 3) % 2,
        product % 2 + product % 3,
        (product % 2 + product % 3) % 2,
        ((row + column) % 2 + product % 3) % 2,
    )[number]
    masked = np.where(fixed, modules, modules ^ (condition == 0)).astype(np.uint8)
    rest = value = LEVEL_L << 3 | number
    for _ in range(10):
        rest = rest << 1 ^ (rest >> 9) * FORMAT_GENERATOR
    word = (value << 10 | rest) ^ FORMAT_MASK
    bits = [word >> shift & 1 for shift in range(15)]  # the least significant first
    size = masked.shape[0]
    rows = [*range(6), 7, 8, *range(size - 7, size)]
    columns = [*range(size - 1, size - 9, -1), 7, *range(5, -1, -1)]
    masked[rows, 8] = bits
    masked[8, columns] = bits
    return masked


def _penalty(modules: np.ndarray) -> int:
    """How hard a code is to read: runs, blocks, what looks like a finder, and how far it is from half dark."""
    total = 3 * int(np.count_nonzero(_equal_blocks(modules)))
    for lines in (modules.tolist(), modules.T.tolist()):
        for line in lines:
            run = 1
            for before, after in zip(line, line[1:] + [2]):
                if before == after:
                    run += 1
                    continue
                total += run - 2 if run >= 5 else 0
                run = 1
            total += 40 * sum(line[at : at + 11] in FINDER_LIKE for at in range(len(line) - 10))
    return total + 10 * int(abs(float(modules.mean()) * 100 - 50) // 5)


def _equal_blocks(modules: np.ndarray) -> Any:
    """Whether the four modules from here on to the right and below are equal."""
    corners = [modules[:-1, :-1], modules[1:, :-1], modules[:-1, 1:], modules[1:, 1:]]
    return np.min(corners, axis=0) == np.max(corners, axis=0)
