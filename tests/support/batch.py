"""Films and a detector for tests of tools.batch: what it finds says which frame it was found in."""

from support.heads import CARD, plant, quiet_heads
from support.video import picture, write_video

from app.backends.fake import FakeBackend
from app.detector import Detector
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
