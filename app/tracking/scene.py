"""What one camera's tracks do: they appear and vanish, cross lines, enter and leave zones.

scene = Scene(lines=[Line("door", (100, 200), (400, 200))], camera="yard")
for event in scene.update(detections, frame.time):
    print(event.as_json())
"""

from typing import Dict, List, NamedTuple, Sequence, Tuple

from app.detections import Detections
from app.tracking.clock import Clock
from app.tracking.events import Event, Sighting
from app.tracking.lineage import LOST, Place, same
from app.tracking.lines import Line
from app.tracking.zones import Zone

FORGET = 5.0  # seconds after which a track that is not seen has vanished
UNSEEN = 1.0  # seconds after which a track that is not seen no longer counts as inside
ANCHORS = {"bottom": 1.0, "centre": 0.5, "top": 0.0}  # which point of a box is followed: share of its height


class Inside(NamedTuple):
    """A thing in a zone, and for how many seconds it has been there."""

    track: int
    label: str
    seconds: float


class _Presence:
    """One track. first, last: when it was seen, in seconds of the scene's clock. goes_on: whether as another track."""

    __slots__ = ("seen", "first", "last", "goes_on")

    def __init__(self, seen: Sighting, time: float) -> None:
        self.seen = seen
        self.first = self.last = time
        self.goes_on = False


class Scene:
    """Watches the confirmed tracks of one camera. What it holds is bounded by the number of tracks in a few seconds.

    anchor: the point of a box that crosses lines and lies in zones: the middle of its bottom edge, its centre, or the
    middle of its top edge, as in ANCHORS.
    """

    def __init__(
        self,
        lines: Sequence[Line] = (),
        zones: Sequence[Zone] = (),
        *,
        camera: str = "",
        anchor: str = "bottom",
        forget: float = FORGET,
    ) -> None:
        """Raises ValueError for an anchor that is none, or for two lines or zones of one name.

        forget: seconds after which a track that is not seen has vanished; more than the tracker keeps one.
        """
        names = [place.name for places in (lines, zones) for place in places]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two lines or zones are called {name}")
        if anchor not in ANCHORS:
            raise ValueError(f"an anchor is one of {', '.join(ANCHORS)}, not {anchor}")
        self.lines = list(lines)
        self.zones = list(zones)
        self.camera = camera
        self._height = ANCHORS[anchor]
        self._forget = forget
        self._clock = Clock()
        self._now = 0.0
        self._tracks: Dict[int, _Presence] = {}
        self._unconfirmed: List[Place] = []  # of the frame before

    def update(self, detections: Detections, time: float) -> List[Event]:
        """The events of a frame. time: its stamp, in seconds. What has no track yet may be where one begins."""
        now = self._now = self._clock(time)
        events: List[Event] = []
        new: List[Place] = []
        unconfirmed: List[Place] = []
        columns = (detections.tracks.tolist(), detections.names, detections.classes.tolist())
        for row in zip(*columns, detections.scores.tolist(), detections.boxes.tolist()):
            seen = Sighting(*row)
            known = self._tracks.get(seen.track)
            if known is None:
                (new if seen.track > 0 else unconfirmed).append(Place(seen, now, self.anchor(seen.box)))
            else:
                known.seen, known.last = seen, now
                events += self._places(seen, time, now)
        if new:
            events += self._appear(new, time)
        self._unconfirmed = unconfirmed
        for track, known in list(self._tracks.items()):
            if now - known.last > self._forget:
                del self._tracks[track]
                events += self._vanish(known, time)
        return events

    def inside(self) -> Dict[str, List[Inside]]:
        """By the zone's name, what has entered it and not left, and was seen in the last frame or shortly before it.

        What was lost, and has another track by now, would count twice until it has vanished. Another thread may update
        meanwhile.
        """
        tracks = dict(self._tracks)
        return {
            zone.name: [
                Inside(track, tracks[track].seen.label, seconds)
                for track, seconds in zone.inside(self._now).items()
                if track in tracks and self._now - tracks[track].last <= UNSEEN
            ]
            for zone in self.zones
        }

    def continue_from(self, before: "Scene") -> None:
        """Take over the tracks of another scene over the same tracker, which has ended.

        Of zones with a known name also what is inside, of lines that lie where they lay the ways towards them.
        """
        self.camera = before.camera
        self._clock, self._now, self._tracks = before._clock, before._now, before._tracks
        self._unconfirmed = before._unconfirmed
        for zone in self.zones:
            for known in before.zones:
                if known.name == zone.name:
                    zone.continue_from(known)
        for line in self.lines:
            for other in before.lines:
                if other.name == line.name:
                    line.continue_from(other)

    def _appear(self, new: Sequence[Place], time: float) -> List[Event]:
        """What new tracks do, whose ways over the lines begin where they were before."""
        first = list(new)
        for number, before in same(new, self._unconfirmed):
            first[number] = self._unconfirmed[before]
        lost = [Place(known.seen, known.last, self.anchor(known.seen.box)) for known in self._tracks.values()]
        lost = [one for one in lost if self._now - one.time <= LOST and not self._tracks[one.seen.track].goes_on]
        for number, before in same(first, lost):
            self._tracks[lost[before].seen.track].goes_on = True
            for line in self.lines:
                line.pass_on(lost[before].seen.track, new[number].seen.track)
        events = []
        for (seen, now, _), before_it in zip(new, first):
            self._tracks[seen.track] = _Presence(seen, now)
            events.append(Event("appear", time, seen, self.camera))
            if before_it.time < now:
                events += self._cross(before_it.seen._replace(track=seen.track), time)
            events += self._places(seen, time, now)
        return events

    def _cross(self, seen: Sighting, time: float) -> List[Event]:
        """The lines that a track crosses on its way to where it is seen."""
        anchor, height = self.anchor(seen.box), seen.box[3] - seen.box[1]
        ways = [(line.name, line.update(seen.track, seen.label, anchor, height)) for line in self.lines]
        return [Event("cross", time, seen, self.camera, line=name, direction=way) for name, way in ways if way]

    def _places(self, seen: Sighting, time: float, now: float) -> List[Event]:
        """What a track does to lines and zones."""
        anchor = self.anchor(seen.box)
        events = self._cross(seen, time)
        for zone in self.zones:
            for kind, seconds in zone.update(seen.track, anchor, now):
                events.append(Event(kind, time, seen, self.camera, zone=zone.name, seconds=seconds))
        return events

    def _vanish(self, known: _Presence, time: float) -> List[Event]:
        seen = known.seen
        ways = [(line.name, line.forget(seen.track, seen.label)) for line in self.lines]
        events = [Event("cross", time, seen, self.camera, line=name, direction=way) for name, way in ways if way]
        for zone in self.zones:
            for kind, seconds in zone.forget(seen.track):
                events.append(Event(kind, time, seen, self.camera, zone=zone.name, seconds=seconds))
        return events + [Event("vanish", time, seen, self.camera, seconds=known.last - known.first)]

    def anchor(self, box: Sequence[float]) -> Tuple[float, float]:
        """The point of a box (x1, y1, x2, y2) that is followed."""
        return (box[0] + box[2]) / 2, box[1] + (box[3] - box[1]) * self._height
