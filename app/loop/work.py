"""What a worker does with a frame that it was given."""

from app.frame import Frame
from app.loop import steps
from app.loop.channel import Channel


def infer(channel: Channel, number: int, frame: Frame) -> None:
    """Preprocess and infer a frame, and hand it on. number: of the frame among those of its channel."""
    detector, sparing = channel.detector, channel.sparing
    if frame.tensor is None:
        steps.preprocess(channel, frame)
    detector.warm_up(frame)
    if sparing is None or not sparing.auto:
        with frame.times.stage("infer"):
            detector.infer(frame)
        channel.output.put(frame, number)
        return
    _show_earlier(channel, number)
    record = sparing.begin(frame, number)
    with record.times.stage("infer"):
        detector.infer(record)
    if sparing.end(number):
        frame.outputs, frame.times.seconds["infer"] = record.outputs, record.times.seconds["infer"]
        channel.output.put(frame, number)
    else:
        steps.decode(channel, record)
        sparing.late(record)


def show(channel: Channel, number: int, frame: Frame) -> None:
    """Hand on a frame that is not inferred."""
    steps.fit(channel, frame)
    _show_earlier(channel, number)
    channel.output.put(frame, number)


def _show_earlier(channel: Channel, number: int) -> None:
    """Hand on those frames that are still being inferred and were to be shown before this one."""
    if channel.sparing is not None:
        for earlier, its_number in channel.sparing.overtake(number):
            channel.output.put(earlier, its_number)
