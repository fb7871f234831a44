"""What differences are chance: of AP50, for two sizes differ by as much on one choice of images, and not on another;
and of rates, for a machine is not as fast in one minute as in the next.
"""

import math
from typing import Any, Dict, Sequence

Json = Dict[str, Any]

# Two standard deviations of the difference in AP50 of two sizes, times the root of the number of images. Paired
# bootstraps (python -m tools.score --detections darknet-320.json --against darknet-160.json, and the like) on the 64
# images of coco-val64 at sizes 160, 320 and 416, and on 16 and 32 of them gave 0.28 to 0.50. A rule of thumb, from one
# set of images: that command says it for others.
SPREAD = 0.5

DRIFT = 0.04  # share of a rate: a shared machine drifts by as much within a minute


def images_of(rows: Sequence[Json]) -> int:
    """How many labelled images rows of `summary.rows` are of; 0 where there are none."""
    return max((int(row["accuracy"]["images"]) for row in rows if row["accuracy"]), default=0)


def margin(rows: Sequence[Json]) -> float:
    """The difference in AP50 below which rows are not said to differ, for they are of so few images."""
    images = images_of(rows)
    return SPREAD / math.sqrt(images) if images else 0.0
