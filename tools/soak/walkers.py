"""`app.detect` without a network: it finds people and dogs who walk down the picture in lanes, one after the other.

python -m tools.soak.walkers 0.002 --cam 'test://200x200@10?frames=1000' --store runs/store

The first argument is how many seconds an inference takes. Everything else is the real program: so what becomes of
events can be tested with thousands of them, whose number is known.
"""

import sys
from typing import Any, List, Optional, Sequence

import numpy as np

from app import cameras, detect
from app.backends.fake import FakeBackend
from app.command import leave
from app.detections import Detections
from app.frame import Frame
from app.layout import Head
from app.loop import opening
from app.modelcard import ModelCard

LABELS = ("person", "dog")
CARD = ModelCard(
    name="walkers", sha256="0" * 64, labels=LABELS, heads=(Head(32, ((80.0, 80.0),)),), multiple=32, scale=1 / 255
)
EVERY = 15  # frames from the begin of one to the begin of the next
LASTS = 20  # frames that each is there
LANES = 4  # so a lane is empty for 40 frames, in which the tracker forgets who was there (at 10 FPS: 4 s)
STEP = 4.0  # pixels in a frame


class Walkers:
    """In the place of a detector. Pictures should be 200 pixels wide and high."""

    def __init__(self, backend: FakeBackend, *given: object, **options: object) -> None:
        self.backend = backend
        self.card = CARD
        self.input_shape = (64, 64)

    def choose(self, **options: object) -> None:
        """Thresholds change nothing."""

    def preprocess(self, frame: Frame) -> None:
        """Make an input of nothing."""
        frame.tensor = np.zeros((1, 3, 64, 64), np.float32)

    def warm_up(self, frame: Frame) -> None:
        """There is nothing to warm up."""

    def infer(self, frame: Frame) -> None:
        """Take the time that an inference takes."""
        assert frame.tensor is not None
        self.backend.infer(frame.tensor)
        frame.outputs = []

    def postprocess(self, frame: Frame) -> None:
        """Find who is there, by the number of the frame."""
        newest = frame.index // EVERY
        there = [one for one in range(max(0, newest - LANES), newest + 1) if frame.index - one * EVERY < LASTS]
        boxes = np.array([box(walker, frame.index) for walker in there], np.float32).reshape(-1, 4)
        classes = np.array([walker % len(LABELS) for walker in there], np.int32)
        frame.detections = Detections(boxes, np.full(len(there), 0.9, np.float32), classes, LABELS)

    def free_tensors(self) -> None:
        """There are none."""


def box(walker: int, frame: int) -> List[float]:
    """Where a walker is in a frame: x1, y1, x2, y2 in pixels."""
    left, top = 10.0 + 50 * (walker % LANES), 10.0 + STEP * (frame - walker * EVERY)
    return [left, top, left + 30, top + 60]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    seconds, *words = sys.argv[1:] if argv is None else argv
    replaced: Any = cameras
    replaced.open_backend = lambda *given: FakeBackend([], seconds=float(seconds))
    replaced.read_card = lambda model: CARD
    channels: Any = opening
    channels.Detector = Walkers
    command: Any = detect
    command.find_model = lambda name: name
    command.ensure_model = lambda *given: None
    return detect.main(["--no-show", "--model", "walkers.onnx", *words])


if __name__ == "__main__":
    leave(main())
