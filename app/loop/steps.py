"""What is done with a frame of a channel: on the network's both sides, in this order."""

from app.errors import UsageError
from app.frame import Frame
from app.loop.channel import Channel
from app.overlay import draw


def fit(channel: Channel, frame: Frame) -> None:
    """Lay what is named by coordinates over a frame. If it does not fit, that is a failure, and nothing is seen: it may
    be a mask that should hide something.
    """
    try:
        if channel.watch is not None:
            channel.watch.fit(frame.size)
        masks = channel.masks  # which may change
        if masks is not None:
            masks.fit(frame.size)
            masks.blacken(frame.image)
    except UsageError as error:
        channel.failure = channel.failure or error
        frame.image[:] = 0


def preprocess(channel: Channel, frame: Frame) -> None:
    """Make the network's input of a frame."""
    with frame.times.stage("preprocess"):
        fit(channel, frame)
        channel.detector.preprocess(frame)


def decode(channel: Channel, frame: Frame) -> None:
    """Turn the outputs of a frame, if it was inferred, into its detections. Frames may come in any order."""
    if not frame.times.inferred:
        return
    with frame.times.stage("postprocess"):
        channel.detector.postprocess(frame)
        masks = channel.masks
        if masks is not None:
            frame.detections = masks.visible(frame)
    if not channel.observers:
        frame.outputs = []


def finish(channel: Channel, frame: Frame) -> None:
    """What is left to do with a frame before the sinks get it. Where something is tracked, or not every frame is
    inferred, call it with each in order.
    """
    if channel.watch is not None or channel.sparing is not None:
        with frame.times.stage("postprocess", second_part=True):
            _follow(channel, frame)
    for observe in channel.observers:
        observe(frame)
    frame.outputs = []
    if channel.draws:
        with frame.times.stage("draw"):
            if channel.scenery is not None:
                channel.scenery.draw(frame)
            draw(frame.image, frame.detections)
            if channel.timing.frames:
                channel.status.draw(frame.image)


def _follow(channel: Channel, frame: Frame) -> None:
    """Give a frame's detections their tracks, or those of an earlier frame, and take in what came too late."""
    sparing, inferred = channel.sparing, frame.times.inferred
    for record in sparing.take_late(frame) if sparing is not None else ():
        _take(channel, record)
    if inferred:
        _take(channel, frame)
    elif sparing is not None:
        sparing.show(frame)
    if channel.watch is not None:
        channel.watch.see(frame)


def _take(channel: Channel, frame: Frame) -> None:
    """Take what was found in a frame that was inferred."""
    if channel.watch is not None:
        channel.watch.track(frame, frame.plan.still_until if frame.plan is not None else None)
    if channel.sparing is not None:
        channel.sparing.know(frame)
