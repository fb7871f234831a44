"""What is tracked of one camera, during a run: its things, its lines and zones, and what has happened there."""

import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from app.detections import Detections
from app.files import write_file
from app.frame import Frame
from app.tracking.events import Event
from app.tracking.lines import DIRECTIONS, Line
from app.tracking.places import Place, Size
from app.tracking.scene import Scene
from app.tracking.totals import load_totals, totals_text
from app.tracking.tracker import START, WEAK, Tracker
from app.tracking.zones import INERTIA

GONE = 0.5  # seconds after which a track has vanished that the tracker no longer keeps
SAVE_PERIOD = 2.0  # seconds between two writings of the totals, which are all that a crash may cost


class Watch:
    """Follows the frames of one camera, which come in order. Give it to a `Channel`.

    lines: with what has crossed them so far; they lie where they should once `fit` was called. scene: None until then.
    """

    def __init__(
        self,
        lines: Sequence[Place] = (),
        zones: Sequence[Place] = (),
        *,
        confidence: float = 0.25,
        directions: Tuple[str, str] = DIRECTIONS,
        anchor: str = "bottom",
        inertia: float = INERTIA,
        loitering: float = 0.0,
        mix_classes: bool = False,
        totals: Optional[str] = None,
    ) -> None:
        """directions: names of those of all lines. anchor: see `Scene`. inertia, loitering: see `Zone`.

        confidence: what is less sure is tracked, but not reported. mix_classes: see `Tracker`. totals: a file that
        keeps the totals of the lines. Raises SourceError if it cannot be read.
        """
        self.tracker = Tracker(mix_classes=mix_classes)
        self.choose(confidence)
        self.lines = [Line(place.name, (0, 0), (1, 0), directions) for place in lines]
        self.scene: Optional[Scene] = None
        self.size: Size = (0, 0)
        self._places = list(lines), list(zones)
        self._zone_options = {"inertia": inertia, "loitering": loitering}
        self._anchor = anchor
        self._tracks = 0
        self._entered: Dict[str, Dict[str, int]] = {place.name: {} for place in zones}
        self._stays: Dict[str, List[float]] = {place.name: [0, 0.0] for place in zones}  # how many, and seconds in all
        self._next: Optional[Watch] = None
        self._path = totals
        if totals is not None:
            load_totals(totals, self.lines)
        self._saved, self._saved_at = totals_text(self.lines), 0.0

    def choose(self, confidence: float) -> None:
        """Report what has this score or more, and start no track with less. May be called during the run."""
        self._least = confidence
        self.tracker.start = max(START, confidence)

    @property
    def detector_confidence(self) -> float:
        """The score from which the detector should report things to this."""
        return min(self._least, WEAK)

    def fit(self, size: Size) -> None:
        """Lay lines and zones over the first frame, of this width and height; those of other sizes later are scaled.

        Raises UsageError for one that does not fit.
        """
        if self.scene is not None:
            return
        lines = [place.line(size, line.names) for place, line in zip(self._places[0], self.lines)]
        zones = [place.zone(size, **self._zone_options) for place in self._places[1]]
        for line, before in zip(lines, self.lines):
            line.totals = before.totals
        self.lines, self.size = lines, size
        self.scene = Scene(lines, zones, anchor=self._anchor, forget=self.tracker.keep + GONE)

    def update(self, frame: Frame) -> None:
        """Give a frame's detections their tracks, leave out those of a low score, and note the frame's `events`."""
        self.track(frame)
        self.see(frame)

    def track(self, frame: Frame, still_until: Optional[float] = None) -> None:
        """Give the detections of a frame that was inferred their tracks.

        still_until: the time until which nothing has moved since the last such frame; None if something has.
        """
        if self.scene is None:  # what should have been laid over the first frame did not fit
            return
        if still_until is not None:
            self.tracker.rest(still_until)
        found, scaled = frame.detections, self._scaled(frame)
        tracked = self.tracker.update(scaled, frame.time)
        if scaled is not found:
            tracked = found.with_tracks(tracked.tracks)
        frame.detections = tracked

    def see(self, frame: Frame) -> None:
        """Note the `events` of a frame whose detections have their tracks, then leave out those of a low score."""
        frame.events = ()
        self._change()
        if self.scene is None:
            return
        self.scene.camera = frame.camera
        frame.events = events = self.scene.update(self._scaled(frame), frame.time)
        found = frame.detections
        count = int((found.scores >= self._least).sum())
        if count < len(found):
            frame.detections = found[:count]  # the highest come first
        for event in events:
            self._note(event)

    def _scaled(self, frame: Frame) -> Detections:
        """The detections of a frame in pixels of the first one."""
        found, scale = frame.detections, self.scale(frame.image)
        if scale == (1, 1):
            return found
        boxes = found.boxes * np.array(scale * 2, np.float32)
        return Detections(boxes, found.scores, found.classes, found.labels, found.tracks)

    def scale(self, image: np.ndarray) -> Tuple[float, float]:
        """Pixels of the first frame, which lines and zones are in, per pixel of an image, in width and height."""
        return self.size[0] / image.shape[1], self.size[1] / image.shape[0]

    def _note(self, event: Event) -> None:
        if event.type == "appear":
            self._tracks += 1
        elif event.type == "enter":
            counts = self._entered[event.zone]
            counts[event.seen.label] = counts.get(event.seen.label, 0) + 1
        elif event.type == "leave":
            stays = self._stays[event.zone]
            stays[0] += 1
            stays[1] += event.seconds

    def continue_from(self, before: "Watch") -> None:
        """Take over the totals of lines and directions that another watch of this camera has, which has ended."""
        kept = {line.name: line for line in before.lines}
        for line in self.lines:
            if line.name in kept:
                line.continue_from(kept[line.name])

    def change_to(self, other: "Watch") -> None:
        """From the next frame on have the lines and zones of another watch, and their options; the tracks go on.

        Call `fit` of the other one before, with this one's `size`. Another thread may be in `update`.
        """
        self._next = other

    def _change(self) -> None:
        other, self._next = self._next, None
        if other is None or other.scene is None or self.scene is None:
            return
        other.scene.continue_from(self.scene)
        self.scene, self.lines = other.scene, other.lines
        self.tracker.mix_classes = other.tracker.mix_classes
        self._path = other._path or self._path
        known = set(self._entered) & set(other._entered)
        other._entered.update({name: self._entered[name] for name in known})
        other._stays.update({name: self._stays[name] for name in known})
        self._entered, self._stays = other._entered, other._stays

    def save(self, *, at_once: bool = False) -> None:
        """Write the totals if they have changed, but not too often unless `at_once`. Raises OutputError.

        Call it from one thread; another may be counting.
        """
        if self._path is None or not (at_once or time.monotonic() - self._saved_at >= SAVE_PERIOD):
            return
        text = totals_text(self.lines)
        if text != self._saved:
            self._saved, self._saved_at = text, time.monotonic()
            write_file(self._path, text.encode())

    def report(self) -> Dict[str, Any]:
        """The report's `tracks`, `lines` and `zones`, ready for JSON; docs/tracking.md lists them."""
        inside = {} if self.scene is None else self.scene.inside()
        zones = {}
        for name, entered in self._entered.items():
            count, seconds = self._stays[name]
            zones[name] = {
                "entered": dict(entered),
                "inside": len(inside.get(name, ())),
                "mean_stay_s": round(seconds / count, 3) if count else None,
            }
        lines = {line.name: {name: dict(counts) for name, counts in line.totals.items()} for line in self.lines}
        return {"tracks": self._tracks, "lines": lines, "zones": zones}
