"""The loop. A frame goes from the source through the detector and the overlay to the sinks, and never back."""

from collections import Counter
from typing import Any, Dict, Iterator, List, Optional, Sequence
from typing import Counter as Counts

from app import __version__
from app.detections import Detections
from app.detector import Detector
from app.frame import Frame, Source
from app.overlay import Overlay
from app.sinks import Sink
from app.stop import Stop
from app.timing import Pacer, Timing


class Tally:
    """What was detected in the whole run."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._by_label: Counts[str] = Counter()
        self._score = 0.0

    def add(self, detections: Detections) -> None:
        """Count the detections of a frame."""
        self._by_label.update(self._labels[index] for index in detections.classes.tolist())
        self._score += float(detections.scores.sum())

    def report(self) -> Dict[str, Any]:
        """The report's `detections`: count, mean score (None without any), and count by label."""
        count = sum(self._by_label.values())
        mean = round(self._score / count, 4) if count else None
        return {"count": count, "mean_score": mean, "by_label": dict(self._by_label.most_common())}


def run(
    source: Source,
    detector: Detector,
    sinks: List[Sink],
    timing: Timing,
    tally: Tally,
    stop: Stop,
    draw: Optional[bool] = None,
    max_frames: Optional[int] = None,
) -> None:
    """Take frames until the source ends, `stop` is requested, or `max_frames` are done.

    draw: whether to draw on the frames; by default only if a sink wants the picture.
    """
    clock = timing.clock
    pacer = Pacer(timing.configured_fps)
    overlay = Overlay(detector.card.labels, timing)
    if draw is None:
        draw = any(sink.wants_canvas for sink in sinks)

    frames = iter(source)
    while not stop.requested and timing.frames != max_frames:
        with clock("wait"):
            pacer.wait(lambda: stop.requested)
        with clock("capture"):
            frame = _next_frame(frames, stop)
        if frame is None:
            break
        detections = detector.detect(frame.image, clock)
        with clock("draw"):
            canvas = frame.image
            if draw:
                overlay.draw(canvas, detections)
        with clock("sink"):
            for sink in sinks:
                sink.write(frame, canvas, detections)
        tally.add(detections)
        timing.frame_done(frame.index, frame.captured_at)


def _next_frame(frames: Iterator[Optional[Frame]], stop: Stop) -> Optional[Frame]:
    """The next frame, or None when the source has ended or `stop` was requested meanwhile."""
    for frame in frames:
        if frame is not None or stop.requested:
            return frame
    return None


def report(source: Source, detector: Detector, timing: Timing, tally: Tally) -> Dict[str, Any]:
    """The report of a run, ready for JSON; the README lists its fields."""
    fields = timing.report()
    fields.update(
        detections=tally.report(),
        model=detector.card.name,
        backend=detector.backend.description,
        input=detector.input_shape,
        source=source.name,
        version=__version__,
    )
    return fields
