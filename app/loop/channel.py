"""One camera's way through a run."""

from typing import TYPE_CHECKING, Callable, List, Optional, Sequence

from app.detector import Detector
from app.errors import NanoyoloError
from app.frame import DEFAULT_FPS, Frame, Source
from app.loop.output import Output
from app.overlay import StatusLine
from app.sinks import Sink
from app.threads import QUEUE_BYTES
from app.timing import Timing
from app.timing.pacing import Pacer
from app.timing.tally import Tally

if TYPE_CHECKING:  # imported only where something is tracked or masked
    from app.loop.sparing import Sparing
    from app.tracking.drawing import Scenery
    from app.tracking.masks import Masks
    from app.tracking.watch import Watch

Observer = Callable[[Frame], None]
SILENCE = 1.0  # seconds without a frame, after which nobody waits for a camera whose turn it is


class Channel:
    """A source, how its frames are looked at, where they go, and what became of them.

    timing, tally: the camera's rates and what was found in it so far; sinks may show them. sinks: set before the run.
    watch, masks: what is tracked, and where nothing is reported, if that was asked for. sparing: which frames are
    inferred, None for all. turn_at: when the last frame was handed out that could be. output: during the run. scenery,
    status: draw on its frames; the first only where something is tracked.
    under_way: frames that a worker has in hand. failure: why there are no more frames, if something broke or does not
    fit the frames, and told: whether that was said.
    """

    output: Output

    def __init__(
        self,
        source: Source,
        detector: Detector,
        *,
        name: str = "",
        sinks: Sequence[Sink] = (),
        fps: Optional[float] = None,
        pacer: Optional[Pacer] = None,
        max_frames: Optional[int] = None,
        draw: Optional[bool] = None,
        observers: Sequence[Observer] = (),
        watch: "Optional[Watch]" = None,
        masks: "Optional[Masks]" = None,
        sparing: "Optional[Sparing]" = None,
    ) -> None:
        """name: of the camera, where there are several. fps: the rate to keep, None for as fast as the source.

        pacer: keeps it in another way than by deadlines. draw: whether to draw on the frames; by default only if a
        sink wants the image. observers: called with each frame in order, once its detections are known, before
        anything is drawn on its image; its raw outputs are still there. They run in the loop's time. watch: tracks
        what was found. masks: where nothing is reported, and what is blacked out; others that have been
        fitted may take their place during the run. sparing: decides what is inferred.
        """
        self.source = source
        self.detector = detector
        self.name = name
        self.sinks: List[Sink] = list(sinks)
        self.timing = Timing(fps, live=source.live)
        self.tally = Tally()
        self.pacer = pacer or Pacer(fps)
        self.observers = observers
        self.watch = watch
        self.masks = masks
        self.sparing = sparing
        self.turn_at = float("-inf")
        self.failure: Optional[NanoyoloError] = None
        self.told = False
        self.under_way = 0
        self._fps = fps
        self._draw = draw
        self._left = max_frames
        self._handed_out = 0
        self._nbytes = 0  # of the last frame
        self._last_at = float("-inf")
        self._first: Optional[Frame] = None
        self.scenery: "Optional[Scenery]" = None
        self.status = StatusLine(self.timing, lambda: detector.backend.workers)

    @property
    def draws(self) -> bool:
        """Whether boxes and rates are drawn on the frames."""
        return any(sink.wants_canvas for sink in self.sinks) if self._draw is None else self._draw

    @property
    def ended(self) -> bool:
        """Whether no more frames will come."""
        no_more = self._first is None and self.source.ended
        return no_more or self.failure is not None or self._left == 0

    @property
    def outage(self) -> Optional[str]:
        """Why there is no image now, as text to show; None while there is one, or none is wanted any more."""
        if self.failure is not None:
            return str(self.failure)
        return None if self.ended else self.source.outage

    @property
    def auto(self) -> bool:
        """Whether its frames are shown while others are being inferred."""
        return self.sparing is not None and self.sparing.auto

    def silent(self, now: float) -> bool:
        """Whether it has had no frame for a while."""
        return now - self._last_at > SILENCE

    def behind(self) -> float:
        """When its next frame should have been looked at: the earlier, the further it is behind."""
        last_at = self.turn_at if self.auto else self._last_at
        return last_at + 1 / (self._fps or self.source.fps or DEFAULT_FPS)

    def first_frame(self) -> Optional[Frame]:
        """The first frame if it has come; it stays where it is. Raises SourceError."""
        if self._first is None:
            self._first = self.source.take()
        return self._first

    def next_frame(self) -> Optional[Frame]:
        """The next frame if it has come. Raises SourceError when the source breaks."""
        first, self._first = self._first, None
        if first is not None and not self.source.live:
            return first
        return self.source.take() or first

    def most_under_way(self, inferred: int) -> int:
        """How many of its frames may be under way, so that so many of them are inferred, as far as memory allows."""
        if self.sparing is None:
            return inferred
        return max(inferred, min(inferred * self.sparing.every, QUEUE_BYTES // max(1, self._nbytes)))

    def hand_out(self, now: float, frame: Frame, free: bool = True) -> int:
        """Count a frame that a worker gets now; its number, from 0. Decides whether it is inferred.

        free: whether there is time for that.
        """
        self.pacer.taken(now)
        self.under_way += 1
        self._last_at = now
        self._nbytes = frame.nbytes
        if self._left is not None:
            self._left -= 1
        if self.sparing is not None:
            self.sparing.plan(frame, free)
        if free:
            self.turn_at = now
        self._handed_out += 1
        return self._handed_out - 1

    def open_output(
        self,
        decode: Callable[[Frame], None],
        finish: Callable[[Frame], None],
        *,
        stopped: Callable[[], bool],
        done: Callable[[], None],
        beside: bool,
    ) -> None:
        """Open its output, for the run. beside: whether a thread is to finish the frames; the others: see `Output`."""
        if self.watch is not None and self.draws:
            from app.tracking.drawing import Scenery

            self.scenery = Scenery(self.watch)
        self.output = Output(
            self.sinks,
            self.timing,
            decode,
            finish,
            lossless=not self.source.live,
            threaded=beside,
            in_order=bool(self.observers) or self.watch is not None or self.sparing is not None,
            keep_outputs=bool(self.observers),
            stopped=stopped,
            count=lambda frame: self.tally.add(frame.detections),
            done=done,
        )

    def continue_from(self, before: "Optional[Watch]") -> None:
        """Take over the totals that this camera had before it was opened again. before: what tracked, and has ended."""
        if self.watch is not None and before is not None:
            self.watch.continue_from(before)
