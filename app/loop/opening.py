"""From a camera's options to its source, its detector and its channel."""

import argparse
from typing import NamedTuple, Optional, Sequence, Tuple

from app.backends import Backend
from app.detector import Detector, class_numbers
from app.errors import UsageError
from app.frame import Source
from app.loop.channel import Channel
from app.modelcard import ModelCard
from app.sources import CameraOptions, open_source

THRESHOLDS = ("conf", "nms", "agnostic_nms", "classes")  # options that change while a camera runs


class Camera(NamedTuple):
    """A camera that is open."""

    options: argparse.Namespace
    source: Source
    channel: Channel

    def must_reopen(self, options: argparse.Namespace) -> bool:
        """Whether to open it again for these options: because of more than thresholds, or because it has failed."""
        old, new = vars(self.options), vars(options)
        return self.channel.failure is not None or any(old[key] != new[key] for key in old if key not in THRESHOLDS)


def check_labels(cameras: Sequence[argparse.Namespace], card: ModelCard) -> None:
    """Raise UsageError for labels that the model has not: before a camera is opened."""
    for options in cameras:
        try:
            class_numbers(options.classes or [], card.labels)
        except UsageError as error:
            if len(cameras) == 1:
                raise
            raise UsageError(f"{options.name}: {error}") from error


def open_camera(options: argparse.Namespace, *, wait: bool = False) -> Source:
    """A camera's source. wait: whether to wait for the device even if the options do not. Raises SourceError."""
    camera = CameraOptions(options.width, options.height, options.fps, options.retry, options.wait or wait)
    return open_source(options.cam, camera, loop=options.loop, most_pixels=10**6 * options.max_megapixels)


def make_channel(
    options: argparse.Namespace,
    source: Source,
    backend: Backend,
    card: ModelCard,
    shape: Optional[Tuple[int, int]] = None,
) -> Channel:
    """A camera's channel, still without sinks, over a backend that others may share.

    shape: height and width of the network's input, for where the backend cannot take those of the camera. Raises
    UsageError.
    """
    detector = Detector(backend, card, size=options.size, square=options.square, adapt=source.live or shape is not None)
    detector.input_shape = shape
    choose(detector, options)
    return Channel(source, detector, fps=options.fps, max_frames=options.max_frames)


def choose(detector: Detector, options: argparse.Namespace) -> None:
    """Give a detector the thresholds of the options. Raises UsageError."""
    detector.choose(
        confidence=options.conf, iou=options.nms, class_agnostic=options.agnostic_nms, classes=options.classes
    )
