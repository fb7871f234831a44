"""Synthetic images: test://640x480@30."""

from typing import Iterator, Optional

import cv2
import numpy as np


def synthesise(width: int, height: int, count: Optional[int]) -> Iterator[np.ndarray]:
    """A grey ramp on which shapes move along Lissajous curves: (height, width, 3) uint8 BGR; no frame is like the last.

    count: how many, None for no end.
    """
    ramp = np.linspace(40, 200, width).astype(np.uint8)
    background = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (height, width, 3)))
    shapes = (((60, 60, 230), 0.21, 0.013), ((70, 200, 90), 0.34, 0.007), ((230, 150, 60), 0.55, 0.017))
    radius = max(1, min(width, height) // 8)
    index = 0
    while count is None or index < count:
        image = background.copy()
        for colour, phase, speed in shapes:
            angle = 2 * np.pi * (phase + speed * index)
            # In 1/256 of a pixel, so that slow shapes on small images move in every frame too.
            centre = (0.5 + 0.35 * np.sin(angle)) * width * 256, (0.5 + 0.35 * np.cos(1.5 * angle)) * height * 256
            cv2.circle(image, (int(centre[0]), int(centre[1])), radius * 256, colour, cv2.FILLED, cv2.LINE_AA, 8)
        yield image
        index += 1
