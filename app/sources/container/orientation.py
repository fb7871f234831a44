"""How a picture has to be turned, from the matrix a, b, c, d that says where it is drawn: x' = ax + cy, y' = bx + dy.

x to the right, y down. The result is EXIF's number: 1 upright, 3 turned by 180 degrees, 6 to be rotated by 90 degrees
clockwise, 8 by 270, and 2, 4, 5 and 7 the same mirrored. Angles between are taken for upright, as they are no way to
hold a camera.
"""

import math
from fractions import Fraction
from typing import Sequence

from app.sources.container.track import ratio

LEAST = 1e-4  # of a matrix's four numbers, or there is no picture
OFF_AXIS = 0.02  # about a degree, as FFmpeg has it


def product(first: Sequence[float], second: Sequence[float]) -> Sequence[float]:
    """The matrix that draws by the first and then by the second; one of zeros is taken as missing."""
    if not any(second):
        return first
    a, b, c, d = first
    e, f, g, h = second
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def orientation(matrix: Sequence[float]) -> int:
    """EXIF's number of the orientation."""
    a, b, c, d = matrix
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if straight > LEAST and max(abs(b), abs(c)) < OFF_AXIS * straight:
        return {(True, True): 1, (False, True): 2, (False, False): 3, (True, False): 4}[a > 0, d > 0]
    if crossed > LEAST and max(abs(a), abs(d)) < OFF_AXIS * crossed:
        return {(True, True): 5, (True, False): 6, (False, False): 7, (False, True): 8}[b > 0, c > 0]
    return 1


def stretch(matrix: Sequence[float]) -> Fraction:
    """The aspect of a pixel that the matrix makes of a square one, 1 if it differs by less than 1 % (as in FFmpeg)."""
    a, b, c, d = matrix
    # Columns, not rows: libavformat/mov.c (mov_read_tkhd).
    width, height = math.hypot(a, c), math.hypot(b, d)
    if min(width, height) <= LEAST or abs(width / height - 1) <= 0.01:
        return Fraction(1)
    aspect = Fraction(width / height).limit_denominator(1000)
    return ratio(aspect.numerator, aspect.denominator)
