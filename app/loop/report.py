"""What the report of a run says of its channels."""

from typing import Any, Dict, Sequence

from app.loop.channel import Channel
from app.timing import report as timing_report
from app.timing.tally import Tally


def report(channels: Sequence[Channel]) -> Dict[str, Any]:
    """The part of the report that is about these channels together, ready for JSON; docs/output.md lists its fields.

    Of several with one name the last took the place of the others, whose rates no longer count.
    """
    last = {channel.name: channel for channel in channels}
    measured = [channel.timing.measured() for channel in channels]
    fields: Dict[str, Any] = timing_report(
        [
            figures if last[channel.name] is channel else figures._replace(configured_fps=0.0, capture_fps=0.0)
            for channel, figures in zip(channels, measured)
        ]
    )
    captured = sum(max(channel.source.captured, channel.timing.frames) for channel in channels)
    shapes = {channel.detector.input_shape for channel in channels}
    fields.update(
        captured=captured,
        dropped=captured - fields["frames"],
        undecoded=sum(channel.source.undecoded for channel in channels),
        reconnects=sum(channel.source.reconnects for channel in channels),
        detections=Tally.together(channel.tally for channel in channels).report(),
        input=shapes.pop() if len(shapes) == 1 else None,
        source=", ".join(dict.fromkeys(channel.source.name for channel in channels)),
    )
    if any(channel.sparing is not None for channel in channels):
        skipped = sum(figures.skipped for figures in measured)
        fields["skipped"] = {"frames": skipped, "share": round(skipped / max(1, fields["frames"]), 4)}
    watches = [channel.watch for channel in channels if channel.watch is not None]
    if watches:
        found = watches[-1].report()
        tracks = sum(watch.report()["tracks"] for watch in watches)
        fields.update(found if len(last) == 1 else {}, tracks=tracks)
    return fields
