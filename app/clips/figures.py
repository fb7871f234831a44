"""Figures of what several cameras record, as one."""

from typing import TYPE_CHECKING, Dict, Sequence, Union

if TYPE_CHECKING:
    from app.clips.clips import ClipSink
    from app.clips.segments import SegmentSink
    from app.clips.timelapse import TimeLapseSink

Recorder = Union["ClipSink", "SegmentSink", "TimeLapseSink"]

OWN, SHARED = ("files", "frames", "left_out"), ("deleted", "bytes")  # of a camera, and of a folder


def together(recorders: "Sequence[Recorder]") -> Dict[str, int]:
    """How many files were begun, frames written, frames left out and files deleted, and what all files take now."""
    each = [(recorder.name, recorder.figures()) for recorder in recorders]
    folders = dict(each)
    found = {key: sum(figures[key] for _, figures in each) for key in OWN}
    found.update({key: sum(figures[key] for figures in folders.values()) for key in SHARED})
    return found
