"""Turns a picture the right way up, as its EXIF asks."""

import cv2
import numpy as np

# The orientation says where row 0 and column 0 of the stored picture belong (EXIF 2.32, tag 0x0112).
FLIPS = {2: 1, 3: -1, 4: 0}  # cv2.flip's codes
ROTATIONS = {6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}


def swaps_sides(orientation: int) -> bool:
    """Whether the upright picture is as wide as the stored one is high."""
    return 5 <= orientation <= 8


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """The picture (h, w, 3) uint8 BGR as it is to be seen: (w, h, 3) for orientations 5 to 8, contiguous.

    The same array for 1. Raises ValueError for an orientation that is not EXIF's 1 to 8.
    """
    if orientation == 1:
        return image
    if orientation in FLIPS:
        turned = cv2.flip(image, FLIPS[orientation])
    elif orientation == 5:
        turned = cv2.transpose(image)
    elif orientation in ROTATIONS:
        turned = cv2.rotate(image, ROTATIONS[orientation])
    elif orientation == 7:  # mirrored along the other diagonal
        turned = cv2.flip(cv2.transpose(image), -1)
    else:
        raise ValueError(f"orientation {orientation}: EXIF has 1 to 8")
    return np.asarray(turned)
