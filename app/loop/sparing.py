"""Which frames of a camera are inferred, and what the others show.

Whether a frame is inferred is decided when it is handed out, by `Sparing.plan` under the scheduler's lock: there each
camera's frames come in order, whichever worker then gets them, and what moves can only be told in order. It costs up to
0.3 ms. What a frame shows is decided when it is finished, which is in order as well, and one at a time: one that was
inferred shows what was found in it, any other what was found in the last one that was, where that is now.

With `every` None (`--detect-every auto`) the frames of a live source do not wait for an inference that is under way:

    worker         1: preprocess, infer ........ result   5: preprocess, infer ........ result   9: ...
    spare worker             2      3      4                       6      7      8
    shown                  1 2      3      4            5 6        7      8

Frame 1 is shown as soon as frame 2 has come. Its result is then late: it is taken in before the next frame is shown, so
that frames 5 to 8 show what was found in frame 1, where it is by then. If the result is there before another frame, the
frame is shown with it: a model that keeps up infers every frame.
"""

import threading
from typing import Dict, List, Optional, Tuple

import numpy as np

from app.frame import Frame, Plan
from app.timing import INFERENCE
from app.tracking.follow import Last
from app.tracking.grey import small_grey
from app.tracking.motion import Motion


class Sparing:
    """Of one camera. auto: whether its frames are shown while others are being inferred. every: infer every so many."""

    def __init__(self, every: Optional[int] = 1, *, motion: bool = False, live: bool = False) -> None:
        """every: infer every so many frames; None for as many as the model can, which of a film are all.

        motion: infer no frame in which nothing has moved, but for one every few seconds. live: whether the source drops
        frames that are not taken in time.
        """
        self.auto = every is None and live
        self.every = every or 1
        self._motion = Motion() if motion else None
        self._since = 0  # frames since the last one to be inferred, and with it
        self._to_infer: Optional[Tuple[int, Tuple[int, ...]]] = None  # index and shape of that one
        self._still_until: Optional[float] = None
        self._known: Optional[Tuple[int, Tuple[int, ...], Last]] = None  # of the last one whose detections are known
        self._lock = threading.Lock()
        self._under_way: Dict[int, Frame] = {}  # frames that are being inferred and are not shown yet, by their number
        self._late: List[Frame] = []  # what was found in frames that were shown before

    def plan(self, frame: Frame, free: bool = True) -> None:
        """Decide whether a frame is inferred; `frame.times.inferred` says it. Call it with each, in order.

        free: whether there is time to infer it.
        """
        grey = like = None
        self._since += 1
        first = self._to_infer is None or self._to_infer[1] != frame.image.shape
        wanted = free and (first or self._since >= self.every)
        if wanted and self._motion is not None:
            grey = small_grey(frame.image)
            wanted = self._motion.wants(grey, frame.time) or first
        if wanted:
            frame.plan = Plan(grey, None, self._still_until)
            self._since, self._to_infer, self._still_until = 0, (frame.index, frame.image.shape), None
            return
        if grey is not None and self._motion is not None and not self._motion.moves and self._to_infer is not None:
            like, self._still_until = self._to_infer[0], frame.time
        frame.plan = Plan(grey, like, None)
        frame.times.skip_inference()

    def know(self, frame: Frame) -> None:
        """Take in what was found in a frame that was inferred. Call it before anything is drawn on its image."""
        assert frame.plan is not None
        frame.predicted = False
        grey = small_grey(frame.image) if frame.plan.grey is None else frame.plan.grey
        self._known = frame.index, frame.image.shape, Last(grey, frame.detections, frame.image.shape)

    def show(self, frame: Frame) -> None:
        """Give a frame that was not inferred its `detections`. Call it in order."""
        assert frame.plan is not None
        frame.predicted = True
        if self._known is None or self._known[1] != frame.image.shape:
            return
        index, _, last = self._known
        if frame.plan.like == index:
            frame.detections = last.detections
        else:
            grey = small_grey(frame.image) if frame.plan.grey is None else frame.plan.grey
            frame.detections = last.at(grey)

    # What follows is for `auto`, and may be called from any thread.

    def begin(self, frame: Frame, number: int) -> Frame:
        """Note that a frame is about to be inferred; a record to infer in its place.

        The record has no picture, only its shape: the picture may be drawn on meanwhile.
        """
        assert frame.plan is not None
        grey = small_grey(frame.image) if frame.plan.grey is None else frame.plan.grey
        frame.plan = frame.plan._replace(grey=grey)
        record = Frame(np.broadcast_to(np.uint8(0), frame.image.shape), frame.index, frame.captured_at, time=frame.time)
        record.camera, record.size, record.plan = frame.camera, frame.size, frame.plan
        record.letterbox, record.tensor, frame.tensor = frame.letterbox, frame.tensor, None
        record.times.seconds.update(frame.times.seconds)
        with self._lock:
            self._under_way[number] = frame
        return record

    def overtake(self, number: int) -> List[Tuple[Frame, int]]:
        """The frames, with their numbers, that are to be shown before the result of their inference is there, since the
        one of this number has come.
        """
        with self._lock:
            earlier = sorted(one for one in self._under_way if one < number)
            found = [(self._under_way.pop(one), one) for one in earlier]
        for frame, _ in found:
            frame.times.skip_inference()
        return found

    def end(self, number: int) -> bool:
        """Note that a frame has been inferred; whether it still has to be shown."""
        with self._lock:
            return self._under_way.pop(number, None) is not None

    def late(self, record: Frame) -> None:
        """Take the record of a frame that was shown before, with its detections."""
        with self._lock:
            self._late.append(record)

    def take_late(self, frame: Frame) -> List[Frame]:
        """The records of frames that were shown before, and inferred since. Call it with each frame, in order.

        Their inference is counted with this frame, the first that shows what came of it. Records that are older than
        what is known are left out.
        """
        with self._lock:
            late, self._late = sorted(self._late, key=lambda record: record.index), []
        known = -1 if self._known is None else self._known[0]
        late = [record for record in late if record.index > known]
        if late and not frame.times.inferred:
            seconds = late[-1].times.seconds
            frame.times.seconds.update({stage: seconds[stage] for stage in INFERENCE})
        return late
