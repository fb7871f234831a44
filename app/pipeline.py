"""The loop. A frame goes from the source through the detector and the output to the sinks, and never back.

Three frames are under way at once: the source's thread has captured one, the network has one, in the main thread, and
the output writes the one before. Where the network leaves the CPU free, the source's thread also makes its frame ready,
and the output has a thread that decodes and draws; else the main one does both between two inferences.
"""

from typing import Any, Dict, Iterator, List, Optional

from app import __version__
from app.detector import Detector
from app.frame import Frame, Source
from app.output import Output
from app.sinks import Sink
from app.stop import Stop
from app.timing import StageClock, Timing
from app.timing.pacing import Pacer
from app.timing.tally import Tally


def run(
    source: Source,
    detector: Detector,
    sinks: List[Sink],
    timing: Timing,
    tally: Tally,
    stop: Stop,
    draw: Optional[bool] = None,
    max_frames: Optional[int] = None,
    pacer: Optional[Pacer] = None,
) -> None:
    """Take frames until the source ends, `stop` is requested, or `max_frames` are done. Closes the sinks.

    draw: whether to draw on the frames; by default only if a sink wants the picture. pacer: by default the one that
    keeps `timing`'s configured rate.
    """
    if draw is None:
        draw = any(sink.wants_canvas for sink in sinks)
    pacer = pacer or Pacer(timing.configured_fps)
    beside = not detector.backend.fills_cpu
    source.prepare = detector.prepare if beside else None
    taken = 0
    with Output(detector, sinks, timing, tally, draw, source.live, beside, lambda: stop.requested) as output:
        frames = iter(source)
        while not stop.requested and taken != max_frames:
            waiting = StageClock()
            with waiting("wait"):
                pacer.wait(lambda: stop.requested)
            with waiting("capture"):
                frame = _next_frame(source, frames, output, stop)
            if frame is None:
                break
            outputs, letterbox = detector.infer(frame)
            for stage in ("wait", "capture"):
                frame.clock.seconds[stage] = waiting.seconds[stage]
            output.put(frame, outputs, letterbox)
            taken += 1


def _next_frame(source: Source, frames: Iterator[Optional[Frame]], output: Output, stop: Stop) -> Optional[Frame]:
    """The next frame, or None when the source has ended or `stop` was requested meanwhile."""
    for frame in frames:
        if stop.take_hangup():
            output.reopen()
        if frame is not None or stop.requested:
            return frame
        if source.outage is not None:
            output.idle(source.outage)
    return None


def report(source: Source, detector: Detector, timing: Timing, tally: Tally) -> Dict[str, Any]:
    """The report of a run, ready for JSON; the README lists its fields."""
    fields = timing.report()
    captured = max(source.captured, timing.frames)
    fields.update(
        captured=captured,
        dropped=captured - timing.frames,
        reconnects=source.reconnects,
        detections=tally.report(),
        model=detector.card.name,
        backend=detector.backend.description,
        input=detector.input_shape,
        source=source.name,
        version=__version__,
    )
    return fields
