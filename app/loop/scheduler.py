"""Decides which camera's frame is next, whenever a worker has time for one."""

import threading
import time
from contextlib import contextmanager
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from app.errors import SourceError
from app.frame import Frame
from app.loop.channel import Channel
from app.threads import WAIT
from app.timing import Now


class Job(NamedTuple):
    """A frame for a worker. number: of the frame among those of its camera that were handed out, from 0."""

    channel: Channel
    number: int
    frame: Frame


class Scheduler:
    """Hands out frames to any number of workers.

    The next frame comes from the camera that is furthest behind: of those that have a frame and are due, the one with
    the earliest time of its last frame plus its period. So no camera starves where together they ask for too much, and
    one that hangs costs the others nothing. Frames of a file wait; of a camera there is only the newest.

    Of cameras whose frames are shown while others are being inferred (`Channel.auto`), the one whose last turn is the
    longest ago is inferred next. The spare worker gets what the other workers have no time for.
    """

    def __init__(self, stopped: Callable[[], bool] = lambda: False, now: Now = time.monotonic) -> None:
        """stopped: whether to hand out no more."""
        self._open: List[Channel] = []
        self._stopped = stopped
        self._now = now
        self._ended = False
        self._held = False
        self._waiting = 0  # workers that could infer
        self._spare_workers = 0
        lock = threading.RLock()
        self._changed = threading.Condition(lock)  # what workers wait for
        self._idle = threading.Condition(lock)  # what `remove` waits for: it takes no worker's notice away

    def add(
        self, channel: Channel, prepare: Optional[Callable[[Frame], None]] = None, *, low_priority: bool = True
    ) -> None:
        """Start a channel's source, and hand out its frames. prepare, low_priority: see `Source.start`."""
        channel.source.start(prepare, self._wake, low_priority=low_priority)
        with self._changed:
            self._open.append(channel)
            self._changed.notify_all()

    def remove(self, channel: Channel, seconds: float) -> bool:
        """Hand out no more of a channel; whether those under way were done within so many seconds."""
        with self._changed:
            if channel in self._open:
                self._open.remove(channel)
            return self._idle.wait_for(lambda: not channel.under_way, seconds)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Meanwhile there is no end for lack of channels: others are about to be added."""
        self._held = True
        try:
            yield
        finally:
            with self._changed:
                self._held = False
                self._changed.notify_all()

    def first_frames(self, seconds: float) -> List[Tuple[Channel, Frame]]:
        """The first frame of each channel that has one within so many seconds. They are still to be handed out."""
        deadline = self._now() + seconds
        with self._changed:
            while True:
                found = [(channel, self._look(channel, Channel.first_frame)) for channel in list(self._open)]
                left = deadline - self._now()
                if left <= 0 or self._over() or all(frame for channel, frame in found if not channel.ended):
                    return [(channel, frame) for channel, frame in found if frame is not None]
                self._changed.wait(min(left, WAIT))

    def end(self) -> None:
        """Hand out no more frames."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def take(self, most_ahead: int, *, spare: bool = False) -> Optional[Job]:
        """The next frame, waiting for one; None when there will be none.

        most_ahead: frames of one camera that may be under way to be inferred, so that they do not pile up behind a slow
        one.
        spare: for a worker that infers nothing.
        """
        began = self._now()
        with self._changed:
            self._count(1, spare)
            try:
                while (self._open or self._held) and not self._over():
                    job, pause = self._next(began, most_ahead, spare)
                    if job is not None:
                        return job
                    self._changed.wait(pause)
                self._changed.notify_all()
                return None
            finally:
                self._count(-1, spare)

    def _count(self, change: int, spare: bool) -> None:
        if spare:
            self._spare_workers += change
        else:
            self._waiting += change

    def done(self, channel: Channel) -> None:
        """A frame of this channel is no longer under way."""
        with self._changed:
            channel.under_way -= 1
            self._notify()
            if not channel.under_way:
                self._idle.notify_all()

    def _over(self) -> bool:
        return self._ended or self._stopped()

    def _wake(self) -> None:
        with self._changed:
            self._notify()

    def _notify(self) -> None:
        """Wake a worker, and the spare one, which may not take what has come."""
        self._changed.notify(1 + self._spare_workers)

    def _next(self, began: float, most_ahead: int, spare: bool) -> Tuple[Optional[Job], float]:
        """What is to be done now, or how many seconds to wait at most before looking again."""
        now, pause = self._now(), WAIT
        for channel in sorted(self._open, key=Channel.behind):
            due = channel.pacer.due(now)
            if due > now:
                pause = min(pause, due - now)
            elif channel.under_way < channel.most_under_way(most_ahead) and self._is_for(spare, channel, now):
                frame = self._look(channel, Channel.next_frame)  # which may remove it
                if frame is not None:
                    frame.times.seconds.update(wait=max(0.0, due - began), capture=now - max(began, due))
                    return Job(channel, channel.hand_out(now, frame, not spare), frame), 0.0
        return None, pause

    def _is_for(self, spare: bool, channel: Channel, now: float) -> bool:
        """Whether a frame of this channel is for the spare worker, or for another."""
        if not channel.auto:
            return not spare
        others = (other for other in self._open if other.auto and not other.silent(now))
        turn = all(channel.turn_at <= other.turn_at for other in others)
        return not (turn and self._waiting) if spare else turn

    def _look(self, channel: Channel, look: Callable[[Channel], Optional[Frame]]) -> Optional[Frame]:
        """A channel's frame if there is one. One whose source has ended or broken, or that has had all frames that it
        is to have, is left out from now on; its camera is let go, and captures no frames that would count as dropped.
        """
        try:
            frame = None if channel.ended else look(channel)
        except SourceError as error:
            channel.failure = error
            frame = None
        if channel.ended:
            channel.source.end()
            self._open.remove(channel)
            self._changed.notify_all()
        return frame
