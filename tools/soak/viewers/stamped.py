"""`app.detect`, whose test pictures carry the time at which they were taken, as tools.camera_servers.stamp draws it.

The number is the monotonic clock in milliseconds, which all processes of a machine share.
"""

import sys
import time
from typing import Iterator, Optional

import numpy as np

from app import detect
from app.command import leave
from app.sources import capture
from app.sources.shapes import synthesise
from tools.camera_servers.stamp import write_stamp


def stamped(width: int, height: int, count: Optional[int]) -> Iterator[np.ndarray]:
    """The pictures of `synthesise`, each with the time at which it was asked for."""
    for image in synthesise(width, height, count):
        write_stamp(image, round(1000 * time.monotonic()))
        yield image


if __name__ == "__main__":
    vars(capture)["synthesise"] = stamped
    leave(detect.main(sys.argv[1:]))
