"""Numbers drawn into pictures as a row of black and white blocks, to identify a camera's frames after decoding.

    write_stamp(image, 1234); assert read_stamp(decoded) == 1234

A number has 24 bits and wraps round. The row is as wide as the picture, and its blocks are found by that width, so a
stamp survives JPEG, H.264 and uniform scaling. Images are (h, w, 3) uint8; numpy only.
"""

from typing import Optional, Sequence

import numpy as np

BITS, CHECK_BITS = 24, 6
BLOCKS = 2 + BITS + CHECK_BITS  # the first two are white and black, as references
PRIME = 61  # the check is the remainder; 61 divides no power of two, so a single wrong bit is always detected
LEAST_WIDTH = 4 * BLOCKS  # smaller blocks do not survive H.264
LEAST_CONTRAST = 60


def write_stamp(image: np.ndarray, number: int) -> None:
    """Draw the number over the top of the image, in place. Raises ValueError if the image is too small."""
    height, width = image.shape[:2]
    side = width // BLOCKS
    if width < LEAST_WIDTH or height < side:
        raise ValueError(f"a stamp needs {LEAST_WIDTH} columns and a row of blocks, not {width}x{height}")
    number %= 1 << BITS
    bits = np.array([1, 0, *_bits(number, BITS), *_bits(number % PRIME, CHECK_BITS)], np.uint8)
    image[:side] = 255 * bits[np.arange(width) * BLOCKS // width][None, :, None]


def read_stamp(image: np.ndarray) -> Optional[int]:
    """The number drawn into the image; None if there is none, or it is damaged."""
    height, width = image.shape[:2]
    side = width / BLOCKS
    if width < LEAST_WIDTH or height < side:
        return None
    # The middle half of each block, since neighbours bleed into its edges.
    rows = image[int(side / 4) : int(np.ceil(side * 3 / 4))].astype(np.float32).mean(axis=(0, 2))
    starts = np.arange(BLOCKS) * side + side / 4
    return stamp_of([rows[int(start) : int(np.ceil(start + side / 2))].mean() for start in starts])


def stamp_of(brightness: Sequence[float]) -> Optional[int]:
    """The number of a row of BLOCKS blocks, 0 to 255 each; None if it is none, or damaged."""
    levels = np.asarray(brightness)
    contrast = levels[0] - levels[1]
    from_middle = (levels - (levels[0] + levels[1]) / 2) / max(contrast, 1)
    if contrast < LEAST_CONTRAST or np.abs(from_middle).min() < 0.2:  # grey: neither
        return None
    bits = from_middle[2:] > 0
    number, check = _number(bits[:BITS]), _number(bits[BITS:])
    return number if number % PRIME == check else None


def _bits(number: int, count: int) -> np.ndarray:
    return number >> np.arange(count) & 1


def _number(bits: np.ndarray) -> int:
    return int((1 << np.flatnonzero(bits)).sum())
