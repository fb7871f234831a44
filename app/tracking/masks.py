"""Parts of a camera's picture in which nothing is reported, and those that are blacked out as well."""

from typing import List, Optional, Sequence, Tuple

import cv2
import numpy as np

from app.detections import Detections
from app.frame import Frame
from app.tracking.places import Place, Size
from app.tracking.zones import contains

Shares = List[Tuple[float, float]]  # corners, as shares of the width and height


class Masks:
    """The masks of one camera. Several threads may use them, each with a frame of its own.

    size: width and height of the first frame; None until `fit` was called.
    """

    def __init__(self, masks: Sequence[Tuple[Place, str]]) -> None:
        """masks: as `places.read_mask` returns them."""
        self.size: Optional[Size] = None
        self._masks = masks
        self._fitted: Optional[List[Tuple[Shares, str]]] = None

    def fit(self, size: Size) -> None:
        """Lay the masks over the first frame, of this width and height; those of other sizes later are scaled.

        Raises UsageError for a mask that does not fit.
        """
        if self._fitted is None:
            polygons = [(place.polygon(size), kind) for place, kind in self._masks]
            self.size = size
            self._fitted = [([(x / size[0], y / size[1]) for x, y in corners], kind) for corners, kind in polygons]

    def blacken(self, image: np.ndarray) -> None:
        """Black out those masks of an image (h, w, 3) uint8 BGR that say so, in place."""
        scale = image.shape[1], image.shape[0]
        for corners, kind in self._fitted or ():
            if kind == "black":
                cv2.fillPoly(image, [np.rint(np.array(corners) * scale).astype(np.int32)], (0, 0, 0))

    def visible(self, frame: Frame) -> Detections:
        """The detections of a frame whose bottom centres lie in no mask."""
        height, width = frame.image.shape[:2]
        found = frame.detections
        feet = [((x1 + x2) / 2 / width, y2 / height) for x1, _, x2, y2 in found.boxes.tolist()]
        kept = [not any(contains(corners, foot) for corners, _ in self._fitted or ()) for foot in feet]
        return found if all(kept) else found[np.array(kept)]
