"""The loop. A frame goes from the source through the detector and the output to the sinks, and never back.

    pipeline = Pipeline(source, detector, fps=15)
    pipeline.run([JsonLinesSink("found.jsonl")])
    print(pipeline.report())

Three frames are under way at once: the source's thread has captured one, the network has one, in the main thread, and
the output writes the one before. Where the network leaves the CPU free, the source's thread also preprocesses, and the
output has a thread that decodes and draws; else the main thread does both between two inferences.
"""

from typing import Any, Callable, Dict, Iterator, Optional, Sequence

import cv2

from app import __version__
from app.detector import Detector
from app.frame import Frame, Source
from app.output import Output
from app.overlay import StatusLine, draw
from app.sinks import Sink
from app.stop import Stop
from app.threads import share_heaps
from app.timing import Timing
from app.timing.pacing import Pacer
from app.timing.tally import Tally

Observer = Callable[[Frame], None]


class Pipeline:
    """One run of the loop. Command, sweep, benchmark and soak tests are all wired here.

    timing, tally: the run's rates and what it has found so far; sinks may show them.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector,
        *,
        fps: Optional[float] = None,
        pacer: Optional[Pacer] = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        """fps: the rate to keep, None for as fast as the source. pacer: keeps it in another way than by deadlines.

        observers: called with each frame once its detections are known, before anything is drawn on its image; its raw
        outputs are still there. They run in the loop's time.
        """
        self.source = source
        self.detector = detector
        self.timing = Timing(fps, live=source.live)
        self.tally = Tally()
        self._pacer = pacer or Pacer(fps)
        self._observers = observers
        self._status = StatusLine(self.timing)
        self._draw = False

    def run(
        self,
        sinks: Sequence[Sink] = (),
        *,
        stop: Optional[Stop] = None,
        max_frames: Optional[int] = None,
        draw: Optional[bool] = None,
    ) -> None:
        """Process frames until the source ends, `stop` is requested, or `max_frames` are done. Closes the sinks.

        draw: whether to draw on the frames; by default only if a sink wants the image.
        """
        stop = stop or Stop()
        self._draw = any(sink.wants_canvas for sink in sinks) if draw is None else draw
        threaded = not self.detector.backend.fills_cpu
        frames = self.source.frames(self._preprocess if threaded else None)
        with Output(
            sinks,
            self.timing,
            self._finish,
            lossless=not self.source.live,
            threaded=threaded,
            stopped=lambda: stop.requested,
            count=lambda frame: self.tally.add(frame.detections),
        ) as output:
            for frame in self._paced(frames, output, stop, max_frames):
                if frame.tensor is None:
                    self._preprocess(frame)
                self.detector.warm_up(frame)
                with frame.times.stage("infer"):
                    self.detector.infer(frame)
                output.put(frame)

    def _paced(
        self, frames: Iterator[Optional[Frame]], output: Output, stop: Stop, max_frames: Optional[int]
    ) -> Iterator[Frame]:
        """The source's frames at the configured rate."""
        taken, now = 0, self.timing.now
        while not stop.requested and taken != max_frames:
            began = now()
            self._pacer.wait(lambda: stop.requested)
            due = now()
            frame = self._next(frames, output, stop)
            if frame is None:
                return
            frame.times.seconds.update(wait=due - began, capture=now() - due)
            yield frame
            taken += 1

    def _next(self, frames: Iterator[Optional[Frame]], output: Output, stop: Stop) -> Optional[Frame]:
        """The next frame, or None when the source has ended or `stop` was requested meanwhile."""
        for frame in frames:
            if stop.take_hangup():
                output.reopen()
            if frame is not None or stop.requested:
                return frame
            if self.source.outage is not None:
                output.idle(self.source.outage)
        return None

    def _preprocess(self, frame: Frame) -> None:
        with frame.times.stage("preprocess"):
            self.detector.preprocess(frame)

    def _finish(self, frame: Frame) -> None:
        """What is left to do between the network and the sinks; called by the output."""
        with frame.times.stage("postprocess"):
            self.detector.postprocess(frame)
        for observe in self._observers:
            observe(frame)
        frame.outputs = []
        if self._draw:
            with frame.times.stage("draw"):
                draw(frame.image, frame.detections)
                if self.timing.frames:
                    self._status.draw(frame.image)

    def report(self) -> Dict[str, Any]:
        """The report of the run, ready for JSON; docs/output.md lists its fields."""
        fields: Dict[str, Any] = {"kind": "detect", "version": __version__}
        fields.update(self.timing.report())
        captured = max(self.source.captured, self.timing.frames)
        fields.update(
            captured=captured,
            dropped=captured - self.timing.frames,
            undecoded=self.source.undecoded,
            reconnects=self.source.reconnects,
            detections=self.tally.report(),
            model=self.detector.card.name,
            backend=self.detector.backend.description,
            input=self.detector.input_shape,
            source=self.source.name,
        )
        return fields


def configure_process() -> None:
    """Set the process up for the loop, before it starts threads."""
    # OpenCV's threads spin between calls, on the cores that inference needs, and gain nothing on images this small.
    cv2.setNumThreads(1)
    share_heaps()
