"""Fits a frame of any size into the network's input, and maps boxes back to the frame.

letterbox = Letterbox.fit(640, 480, 416)     # geometry, computed once for a frame size
tensor = preprocess(image, letterbox)        # (480, 640, 3) uint8 BGR -> (1, 3, 320, 416) float32 RGB
boxes = letterbox.invert(boxes)              # pixels of the input -> pixels of the frame
"""

from typing import NamedTuple, Optional

import cv2
import numpy as np

from app.modelcard import ModelCard

GREY = 128


class Letterbox(NamedTuple):
    """Where a frame lies in the network's input. All lengths are whole pixels, so nothing is rounded twice."""

    frame_width: int
    frame_height: int
    width: int
    height: int
    scaled_width: int
    scaled_height: int
    left: int
    top: int

    @classmethod
    def fit(
        cls, frame_width: int, frame_height: int, size: int, *, square: bool = False, multiple: int = 32
    ) -> "Letterbox":
        """Scale the frame's longer side to `size`.

        The other side is as long as the image needs, rounded up to `multiple`, with a narrow grey bar at the bottom or
        right; or, with `square`, the input is size x size with the image in the middle, as in Darknet: up to twice the
        work.
        """
        box = cls.into(frame_width, frame_height, size, size)
        if square:
            return box
        width, height = (-(-side // multiple) * multiple for side in (box.scaled_width, box.scaled_height))
        return box._replace(width=width, height=height, left=0, top=0)

    @classmethod
    def of_card(
        cls, card: ModelCard, frame_width: int, frame_height: int, size: int, *, square: bool = False
    ) -> "Letterbox":
        """Fit a frame into the input of a model as its card says; `size` is the input's longer side.

        `square`, whatever the card says: a square input with grey bars, unless the model takes one size only.
        """
        if not card.fixed and (square or card.resize == "rectangle"):
            return cls.fit(frame_width, frame_height, size, square=square, multiple=card.multiple)
        width, height = card.sides(size)
        if card.resize == "stretch":
            return cls(frame_width, frame_height, width, height, width, height, 0, 0)
        return cls.into(frame_width, frame_height, width, height)

    @classmethod
    def into(cls, frame_width: int, frame_height: int, width: int, height: int) -> "Letterbox":
        """Scale the frame to fill an input of a given size, with grey bars on two sides.

        Lengths are rounded down, as in Darknet.
        """
        if width * frame_height < height * frame_width:
            scaled_width, scaled_height = width, max(1, frame_height * width // frame_width)
        else:
            scaled_width, scaled_height = max(1, frame_width * height // frame_height), height
        left, top = (width - scaled_width) // 2, (height - scaled_height) // 2
        return cls(frame_width, frame_height, width, height, scaled_width, scaled_height, left, top)

    def resample(self, image: np.ndarray) -> np.ndarray:
        """The frame (frame_height, frame_width, 3) uint8 at its scaled size.

        Bilinear, which skips pixels when it shrinks by more than 2. So from 2 on the frame is first halved by
        averaging; from 4 on it is first reduced to twice the scaled size by nearest neighbour, which is as accurate
        there and no slower for a larger frame. Measured with YOLOv3-tiny on 64 images of COCO val2017, rectangular: the
        mean AP50 over sizes from 160 to 448, and milliseconds from 768x576 to 416, 320 and 160:

            nearest 0.401        0.1 0.1 0.0        area 0.424                    2.2 1.8 1.4
            bicubic 0.409        0.3 0.2 0.1        halved, bilinear 0.422        0.3 0.3 0.2
            bilinear 0.418       0.3 0.2 0.0        this 0.422                    0.3 0.3 0.1
        """
        width, height = self.scaled_width, self.scaled_height
        if image.shape[1] >= 4 * width and image.shape[0] >= 4 * height:
            image = cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
        if image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
            image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """The frame (frame_height, frame_width, 3) uint8 on a grey canvas (height, width, 3) uint8."""
        canvas = np.full((self.height, self.width, 3), GREY, np.uint8)
        self.inside(canvas)[:] = self.resample(image)
        return canvas

    def inside(self, canvas: np.ndarray) -> np.ndarray:
        """The part of a (height, width, ...) array that the image covers, as a view."""
        return canvas[self.top : self.top + self.scaled_height, self.left : self.left + self.scaled_width]

    def invert(self, boxes: np.ndarray) -> np.ndarray:
        """Map boxes (N, 4) x1 y1 x2 y2 from pixels of the input to pixels of the frame; not clipped."""
        offset = np.array([self.left, self.top] * 2, np.float32)
        scale = np.array([self.frame_width / self.scaled_width, self.frame_height / self.scaled_height] * 2, np.float32)
        return np.asarray((boxes - offset) * scale)


def blank_tensor(letterbox: Letterbox, scale: float) -> np.ndarray:
    """A grey tensor (1, 3, height, width) float32."""
    return np.full((1, 3, letterbox.height, letterbox.width), GREY * scale, np.float32)


def preprocess(
    image: np.ndarray, letterbox: Letterbox, scale: float = 1 / 255, tensor: Optional[np.ndarray] = None
) -> np.ndarray:
    """Letterbox a frame and convert it to the network's input tensor.

    image: (h, w, 3) uint8 BGR. scale: factor for the pixels' 0..255. tensor: one from `blank_tensor` with the same bars
    to write into, which saves allocating one. Returns (1, 3, height, width) float32, RGB, C-contiguous.
    """
    if tensor is None:
        tensor = blank_tensor(letterbox, scale)
    for plane, channel in zip(tensor[0], reversed(cv2.split(letterbox.resample(image)))):
        np.multiply(channel, np.float32(scale), out=letterbox.inside(plane))
    return tensor
