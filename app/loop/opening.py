"""From a camera's options to its source, its detector and its channel."""

import argparse
import os
from typing import TYPE_CHECKING, NamedTuple, Optional, Sequence, Tuple

from app.backends import Backend
from app.detector import Detector, class_numbers
from app.errors import UsageError
from app.files import check_writable
from app.frame import Source
from app.inputsize import input_size
from app.loop.channel import Channel
from app.modelcard import ModelCard
from app.sources import CameraOptions, open_source

if TYPE_CHECKING:
    from app.loop.sparing import Sparing
    from app.tracking.masks import Masks
    from app.tracking.watch import Watch

THRESHOLDS = ("conf", "nms", "agnostic_nms", "classes")  # options that change while a camera runs
PLACES = ("line", "line_names", "zone", "anchor", "inertia", "loiter", "mix_classes")  # those too, while it is tracked


class Change(NamedTuple):
    """What a camera that runs gets in the place of what it has. None: it keeps that."""

    watch: "Optional[Watch]"
    masks: "Optional[Masks]"

    def make(self, channel: Channel) -> None:
        """Make it, from the next frame on."""
        if self.watch is not None and channel.watch is not None:
            channel.watch.change_to(self.watch)
        if self.masks is not None:
            channel.masks = self.masks


class Camera(NamedTuple):
    """A camera that is open."""

    options: argparse.Namespace
    source: Source
    channel: Channel

    def must_reopen(self, options: argparse.Namespace) -> bool:
        """Whether to open it again for these options: because of one that cannot change, or because it has failed."""
        old, new, watch, masks = vars(self.options), vars(options), self.channel.watch, self.channel.masks
        kept = THRESHOLDS + (PLACES if watch is not None and watch.scene is not None else ())
        kept += ("mask",) if masks is not None and masks.size is not None else ()
        return self.channel.failure is not None or any(old[key] != new[key] for key in old if key not in kept)

    def change_for(self, options: argparse.Namespace) -> Change:
        """What these options change, so that it need not be opened again. Raises UsageError and others, as
        `make_channel` does.
        """
        old, new, watch, masks = vars(self.options), vars(options), self.channel.watch, self.channel.masks
        other_watch = other_masks = None
        if watch is not None and any(old[key] != new[key] for key in PLACES):
            other_watch = _watch(options, self.source)
            other_watch.fit(watch.size)
        if masks is not None and masks.size is not None and old["mask"] != new["mask"]:
            other_masks = _masks(options)
            other_masks.fit(masks.size)
        return Change(other_watch, other_masks)


def check_model(cameras: Sequence[argparse.Namespace], card: ModelCard) -> None:
    """Raise UsageError for labels that the model has not, and sizes that it cannot take: before a camera is opened."""
    for options in cameras:
        try:
            class_numbers(options.classes or [], card.labels)
            class_numbers(options.event_classes or [], card.labels, "event_classes")
            input_size(card, options.size)
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
    UsageError, and SourceError or OutputError for totals that cannot be kept.
    """
    detector = Detector(backend, card, size=options.size, square=options.square, adapt=source.live or shape is not None)
    detector.input_shape = shape
    channel = Channel(
        source,
        detector,
        fps=options.fps,
        max_frames=options.max_frames,
        watch=_watch(options, source) if options.track else None,
        masks=_masks(options) if options.mask else None,
        sparing=_sparing(options, source) if options.detect_every is not None or options.motion else None,
    )
    choose(channel, options)
    return channel


def choose(channel: Channel, options: argparse.Namespace) -> None:
    """Give a channel the thresholds of the options. Raises UsageError."""
    confidence = options.conf
    if channel.watch is not None:
        channel.watch.choose(confidence)
        confidence = channel.watch.detector_confidence
    channel.detector.choose(
        confidence=confidence, iou=options.nms, class_agnostic=options.agnostic_nms, classes=options.classes
    )


def _sparing(options: argparse.Namespace, source: Source) -> "Sparing":
    from app.loop.sparing import Sparing

    every = None if options.detect_every == "auto" else int(options.detect_every or 1)
    return Sparing(every, motion=options.motion, live=source.live)


def _watch(options: argparse.Namespace, source: Source) -> "Watch":
    from app.tracking.lines import DIRECTIONS
    from app.tracking.places import read_line, read_names, read_zone
    from app.tracking.watch import Watch

    totals = options.totals or (_totals_beside_events(options) if source.live else None)
    if totals is not None:
        check_writable(totals)
    return Watch(
        [read_line(text) for text in options.line or ()],
        [read_zone(text) for text in options.zone or ()],
        directions=read_names(options.line_names) if options.line_names else DIRECTIONS,
        anchor=options.anchor,
        inertia=options.inertia,
        loitering=options.loiter or 0.0,
        mix_classes=options.mix_classes,
        totals=totals,
    )


def _totals_beside_events(options: argparse.Namespace) -> Optional[str]:
    """Where the totals of a camera's lines are kept if nothing else is said; None if there is no file of events."""
    path = options.events
    if not options.line or path is None or path == "-" or (os.path.exists(path) and not os.path.isfile(path)):
        return None
    return f"{os.path.splitext(path)[0]}.{options.name}.totals.json"


def _masks(options: argparse.Namespace) -> "Masks":
    from app.tracking.masks import Masks
    from app.tracking.places import read_mask

    return Masks([read_mask(text) for text in options.mask or ()])
