"""Views of an image: the image itself, shifted by a pixel, and mirrored, to be classified together.

1 view    the image
2 views   and its mirror image
3 views   the image, shifted up and left by one pixel, shifted down and right by one pixel
6 views   these three, and the mirror image of each

Where a shift leaves a row or a column empty, the image is reflected there, and its edge is not repeated. All views have
the same weight. The six are those of Keller Jordan's airbench, where the two that are not shifted weigh twice as much:
https://github.com/KellerJordan/cifar10-airbench
"""

from typing import NamedTuple, Tuple

import numpy as np

SHIFTS = ((0, 0), (-1, -1), (1, 1))  # down and right in pixels


class View(NamedTuple):
    """How an image is changed: shifted by pixels, then mirrored left to right or not."""

    down: int
    right: int
    mirrored: bool


# By their number.
VIEWS = {
    count: tuple(View(down, right, mirrored) for mirrored in mirrorings for down, right in shifts)
    for count, shifts, mirrorings in (
        (1, SHIFTS[:1], (False,)),
        (2, SHIFTS[:1], (False, True)),
        (3, SHIFTS, (False,)),
        (6, SHIFTS, (False, True)),
    )
}
COUNTS = tuple(sorted(VIEWS))


def views(count: int) -> Tuple[View, ...]:
    """The views of that number, one of COUNTS, the image itself first."""
    return VIEWS[count]


def mirrors(count: int) -> bool:
    """Whether there are mirror images among the views of that number."""
    return any(view.mirrored for view in VIEWS[count])


def make_view(images: np.ndarray, view: View) -> np.ndarray:
    """A view of images (n, channels, height, width) of any type, at least 2 pixels high and wide; the same shape."""
    if view.down or view.right:
        rows, columns = _shifted(images.shape[2], view.down), _shifted(images.shape[3], view.right)
        images = images[:, :, rows[:, None], columns]
    return images[..., ::-1] if view.mirrored else images


def _shifted(size: int, shift: int) -> np.ndarray:
    """For each place of a row of `size` pixels, the place that it is taken from."""
    places = np.abs(np.arange(size) - shift)  # reflected at the first pixel
    reflected: np.ndarray = np.where(places < size, places, 2 * (size - 1) - places)
    return reflected
