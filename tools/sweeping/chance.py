"""What differences of AP50 are chance: two sizes differ by as much on one choice of images, and not on another."""

import math
from typing import Any, Dict, Sequence

Json = Dict[str, Any]

# Two standard deviations of the difference in AP50 of two sizes, times the root of the number of images: by a paired
# bootstrap over the 64 images of coco-val64 the deviation is 0.024 to 0.028 between neighbouring sizes (160, 320, 416),
# and it shrinks with that root. Two captures at one size differ less by chance (0.004 to 0.015), so for them it is
# on the safe side.
SPREAD = 0.43


def images_of(rows: Sequence[Json]) -> int:
    """How many labelled images rows of `summary.rows` are of; 0 where there are none."""
    return max((int(row["accuracy"]["images"]) for row in rows if row["accuracy"]), default=0)


def margin(rows: Sequence[Json]) -> float:
    """The difference in AP50 below which rows are not said to differ, for they are of so few images."""
    images = images_of(rows)
    return SPREAD / math.sqrt(images) if images else 0.0
