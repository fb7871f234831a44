"""Films for tests of tools.batch, and a detector: what it finds says which frame it was found in."""

import os

import cv2
import numpy as np
from support.heads import CARD, plant, quiet_heads
from support.program import MODEL, ROOT
from support.video import picture, write_video

from app.backends.fake import FakeBackend
from app.detector import Detector
from app.modelcard import read_card
from tools.batch.plan import Settings

SETTINGS = Settings("model", "sha")


class Brightness(FakeBackend):
    """Finds one person, whose score is the brightness of the image: 0 to 1."""

    def __init__(self):
        super().__init__([])

    def infer(self, tensor):
        heads = quiet_heads(*tensor.shape[2:])
        plant(
            heads, 0, (20, 30), (16, 16), max(0.01, float(tensor[0, 0, 8, 8]))
        )  # the tensor that warms it up is black
        return heads


def brightness_detector(*_, **__):
    """What takes the place of `load_detector`."""
    return Detector(Brightness(), CARD, size=64)


def film(path, frames=20):
    """A Motion JPEG at 10 FPS whose frame i has brightness 80 + i, up to frame 150."""
    return str(write_video(path, [picture(80 + index % 150) for index in range(frames)], 10))


def scores(rows):
    """The brightness of the frames in which rows were found, by the frame's number."""
    return {row.frame: round(255 * row.score) for row in rows}


def street(path, frames=12):
    """A film of a photograph that moves, in which the real model finds something else in every frame."""
    image = cv2.resize(cv2.imread(os.path.join(ROOT, "demo.jpg")), (128, 96))
    return str(write_video(path, [np.roll(image, 4 * index, 1) for index in range(frames)], 10))


def real_settings():
    """Of the real model, with the smallest input, for `street`."""
    return Settings("yolov3-tiny", read_card(MODEL).sha256, size=64, confidence=0.01, backend="onnx")
