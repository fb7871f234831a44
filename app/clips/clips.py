"""A film of each event, which begins some seconds before it and ends some seconds after."""

from collections import deque
from typing import Callable, Deque, Dict, List, NamedTuple

import numpy as np

from app.clips.archive import Archive
from app.clips.reel import QUEUE, Reel
from app.clips.ring import Ring, Shot
from app.detections import Detections
from app.events.incident import Change
from app.frame import DEFAULT_FPS, Frame
from app.sinks import Sink
from app.sinks.picture import jpeg_of
from app.sinks.playback import Times

RING_BYTES = 32 << 20  # of a camera: 5 s at 15 FPS and 640x480 are 4 MB
LATE = 5.0  # seconds that an event may have begun before it is told
LONGEST = 600.0  # seconds of one file: what goes on for longer, as a parked car, goes on in the next


class _Told(NamedTuple):
    """A change, and the frame in which it was told: when that was captured, and its time."""

    change: Change
    captured_at: float
    time: float


class _Event:
    """One that goes on. score: its best so far. clip: what was announced."""

    __slots__ = ("score", "clip")

    def __init__(self, score: float) -> None:
        self.score = score
        self.clip = ""


class ClipSink(Sink):
    """Keeps the last seconds of a camera, and writes them and what follows to a file when something begins.

    Events that overlap, with the seconds before and after them, share a file. `listen` is for the thread that finds
    the events; everything else happens in the sink's own.
    """

    queue_size = QUEUE
    lossless = True

    def __init__(
        self,
        archive: Archive,
        camera: str,
        before: float,
        after: float,
        announce: Callable[[str, str], None] = lambda event, path: None,
        removed: Callable[[str], None] = lambda path: None,
    ) -> None:
        """before, after: seconds of a clip. The archive is released with the sink.

        announce: called with the id of an event and its clip, relative to the archive's folder, as soon as there is
        one; and again if its best picture is in a later file of a long event. removed: called with a clip that is gone,
        because of the limits. Both in the sink's thread, and with nothing locked.
        """
        self.name = archive.folder
        self.announce = announce
        self._removed = removed
        self._archive = archive
        self._reel = Reel(archive, camera)
        self._ring = Ring(camera, before + LATE, RING_BYTES)
        self._before, self._after = before, after
        self._times = Times(True, DEFAULT_FPS)
        self._told: Deque[_Told] = deque()
        self._going_on: Dict[str, _Event] = {}  # by id
        self._new: List[str] = []  # ids of events that have no clip yet
        self._from = float("inf")  # of the next file
        self._until = float("-inf")  # of the present one, once nothing goes on

    def listen(self, change: Change, frame: Frame) -> None:
        """Take a change of an event, before the frame itself comes. Returns at once."""
        self._told.append(_Told(change, frame.captured_at, frame.time))

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = self._times.next(frame.time)
        shot = Shot(now, jpeg_of(canvas, frame.picture), (canvas.shape[1], canvas.shape[0]))
        self._ring.add(shot)
        better: List[str] = []
        while self._told and self._told[0].captured_at <= frame.captured_at:
            told = self._told.popleft()
            if self._take(told.change, now - max(0.0, frame.time - told.time)):
                better.append(told.change.incident.id)
        if self._new or self._is_wanted(now):
            self._record(shot)
            self._announce(better)
        if not self._is_wanted(now):
            self._reel.end()
            self._new, self._from = [], float("inf")
        self._archive.check_ages()
        self._tell_of_removed()

    def _take(self, change: Change, when: float) -> bool:
        """Take in a change that was told at a time of the ring; whether an event goes on that has a better picture."""
        incident = change.incident
        event = self._going_on.get(incident.id)
        if change.type == "end":
            if event is not None:
                end = change.t if incident.end is None else incident.end
                self._until = max(self._until, when - max(0.0, change.t - end) + self._after)
                del self._going_on[incident.id]
            return False
        if event is None:
            event = self._going_on[incident.id] = _Event(incident.score)
            self._new.append(incident.id)
            self._from = min(self._from, when - max(0.0, change.t - incident.start) - self._before)
        is_better = incident.score > event.score
        event.score = incident.score
        return is_better

    def _is_wanted(self, now: float) -> bool:
        return bool(self._going_on) or now <= self._until

    def _record(self, shot: Shot) -> None:
        """Append a shot to the file; where there is none, what the ring has of what is wanted."""
        shots = [shot]
        if self._reel.recording is None:
            shots = self._ring.since(self._from) if self._new else [shot]
        elif shot.seconds - self._reel.began_at >= LONGEST:
            self._reel.end()
        for one in shots:
            if self._is_wanted(one.seconds):
                self._reel.write(one, shot.seconds - one.seconds)
                if self._reel.recording is None:
                    return  # the ring still has them: the next frame tries again
        self._from = float("inf")

    def _announce(self, better: List[str]) -> None:
        """Say where the events are that have begun, or have a better picture."""
        recording = self._reel.recording
        if recording is None or not recording.frames:
            return
        for name in self._new:
            self.announce(name, recording.name)
        for name in (*self._new, *better):
            event = self._going_on.get(name)
            if event is not None and event.clip != recording.name:
                if event.clip:
                    self.announce(name, recording.name)
                event.clip = recording.name
        self._new = []

    def _tell_of_removed(self) -> None:
        while True:
            try:
                name = self._archive.gone.popleft()
            except IndexError:  # another camera's sink may have told
                return
            self._removed(name)

    def figures(self) -> Dict[str, int]:
        """See `Reel.figures`."""
        return self._reel.figures()

    def close(self) -> None:
        self._reel.close()
        self._ring.clear()
        self._tell_of_removed()
